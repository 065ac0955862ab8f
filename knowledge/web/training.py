"""Training by maintainers: acts and examples, utterances to label, models to train, compare and promote."""

from typing import Any, Final

from aiohttp import web

from knowledge.labels import Example, Labels, Unsure
from knowledge.training import Model, Trainer
from knowledge.web.bodies import id_of, json_of, query_number, text_in, texts_in, told
from knowledge.web.contract import Visitor
from knowledge.web.rights import Right
from knowledge.web.routing import Route

_SHOWN: Final = 50
_SHOWN_MOST: Final = 200
_EXAMPLE_MOST: Final = 200
_AT_ONCE: Final = 500


class TrainingPages:
    """``/training``."""

    def __init__(self, trainer: Trainer, labels: Labels) -> None:
        self._trainer = trainer
        self._labels = labels

    def routes(self) -> list[Route]:
        one = "/training/models/{id}"
        return [
            Route("GET", "/training", Right.OVERSEE, self._overview),
            Route("GET", "/training/acts/{id}/examples", Right.OVERSEE, self._examples),
            Route("POST", "/training/examples", Right.LABEL, self._add),
            Route("DELETE", "/training/examples/{id}", Right.LABEL, self._remove),
            Route("GET", "/training/unsure", Right.OVERSEE, self._unsure),
            Route("POST", "/training/label", Right.LABEL, self._label),
            Route("POST", "/training/discard", Right.LABEL, self._discard),
            Route("POST", "/training/start", Right.TRAIN, self._start),
            Route("POST", "/training/cancel", Right.TRAIN, self._cancel),
            Route("GET", one + "/report", Right.OVERSEE, self._report),
            Route("POST", one + "/promote", Right.PROMOTE, self._promote),
            Route("POST", "/training/rollback", Right.PROMOTE, self._roll_back),
        ]

    async def _overview(self, request: web.Request, visitor: Visitor) -> web.Response:
        overview = await self._trainer.overview()
        acts = [
            {"name": act.name, "label": act.label, "examples": act.examples, "added": act.added}
            for act in await self._labels.acts()
        ]
        return web.json_response(
            {
                "acts": acts,
                "live": _model(overview.live) if overview.live else None,
                "candidates": [_model(one) for one in overview.candidates],
                "models": [_model(one) for one in overview.models],
                "running": overview.running.to_json() if overview.running else None,
                "changing": overview.changing.to_json() if overview.changing else None,
                "unsure": {"open": await self._labels.open_count()},
            }
        )

    async def _examples(self, request: web.Request, visitor: Visitor) -> web.Response:
        found = await self._labels.examples(id_of(request))
        return web.json_response({"examples": [_example(one) for one in found]})

    async def _add(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request)
        text = text_in(body, "text", "例句", most=_EXAMPLE_MOST, needed=True)
        label = text_in(body, "label", "对话行为", most=32, needed=True)
        return web.json_response(_example(await self._labels.add_example(text, label, visitor.actor)), status=201)

    async def _remove(self, request: web.Request, visitor: Visitor) -> web.Response:
        await self._labels.remove_example(id_of(request), visitor.actor)
        return web.json_response({"ok": True})

    async def _unsure(self, request: web.Request, visitor: Visitor) -> web.Response:
        size = query_number(request, "size", _SHOWN, 1, _SHOWN_MOST)
        return web.json_response({"utterances": [_utterance(one) for one in await self._labels.unsure(size)]})

    async def _label(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request)
        label = text_in(body, "label", "对话行为", most=32, needed=True)
        added = await self._labels.label(_ids(body), label, visitor.actor)
        return web.json_response({"added": added})

    async def _discard(self, request: web.Request, visitor: Visitor) -> web.Response:
        discarded = await self._labels.discard(_ids(await json_of(request)), visitor.actor)
        return web.json_response({"discarded": discarded})

    async def _start(self, request: web.Request, visitor: Visitor) -> web.Response:
        return web.json_response({"id": await self._trainer.start(visitor.actor)}, status=202)

    async def _cancel(self, request: web.Request, visitor: Visitor) -> web.Response:
        await self._trainer.cancel(visitor.actor)
        return web.json_response({"ok": True})

    async def _report(self, request: web.Request, visitor: Visitor) -> web.Response:
        return web.json_response(await self._trainer.report(id_of(request)))

    async def _promote(self, request: web.Request, visitor: Visitor) -> web.Response:
        """Answered once it has begun: a model that is put into service is loaded and asked first."""
        id = await self._trainer.begin_promotion(id_of(request), visitor.actor)
        return web.json_response({"id": id}, status=202)

    async def _roll_back(self, request: web.Request, visitor: Visitor) -> web.Response:
        return web.json_response({"id": await self._trainer.begin_roll_back(visitor.actor)}, status=202)


def _ids(body: dict[str, Any]) -> list[str]:
    return texts_in(body, "ids", "所选的话", most=_AT_ONCE, length=32)


def _model(model: Model) -> dict[str, Any]:
    return model.to_json() | {"metrics": model.headline}


def _example(example: Example) -> dict[str, Any]:
    """``id`` is null for the bot's own examples, which stay."""
    return {
        "id": example.id or None,
        "text": example.text,
        "label": example.label,
        "origin": example.origin,
        "by": example.by,
        "at": told(example.at),
    }


def _utterance(unsure: Unsure) -> dict[str, Any]:
    """``ids``: of all utterances that said the same; whoever labels the row labels them all."""
    return {
        "id": unsure.id,
        "ids": list(unsure.ids),
        "times": len(unsure.ids),
        "text": unsure.text,
        "at": told(unsure.at),
        "stage": unsure.stage,
        "suggested": unsure.suggested,
        "ranking": [list(pair) for pair in unsure.ranking],
        "confidence": unsure.confidence,
        "why": unsure.why,
    }
