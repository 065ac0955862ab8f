"""``./hotline nlu``: what the bot takes an utterance for, or each of a file of them."""

import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from config.clock import SystemClock
from gateway.commands.common import (
    DataOption,
    JsonOption,
    fail,
    opened_store,
    print_json,
    reading_progress,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from config.settings import Settings
    from dialog.nlu import Asked

ACT_LABELS: Final = {
    "ask": "咨询", "ask_help": "求助", "complain": "投诉", "report": "举报", "suggest": "建议", "praise": "表扬",
    "inform": "补充情况", "correct": "更正", "dont_know": "不清楚", "anonymous": "要求匿名", "affirm": "肯定",
    "deny": "否定", "choose": "选择", "repeat": "请再说一遍", "wait": "请等一下", "cancel": "取消", "progress": "查进度",
    "person_please": "要人工", "emergency": "紧急", "abuse": "辱骂", "greet": "问候", "thanks": "道谢", "bye": "道别",
    "chitchat": "闲聊", "out_of_scope": "不归热线管", "nlu_fallback": "没听懂",
}  # fmt: skip
_TELL_EVERY_S: Final = 2.0

Judge = Callable[["Asked"], Awaitable[dict[str, Any]]]


def nlu(
    text: Annotated[str | None, typer.Argument(metavar="一句话", help="市民开口说的话")] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", metavar="文件.jsonl", help='每行一个 {"id", "q"}，每行答一个 JSON')
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """判断一句话是咨询、求助、投诉、举报……，属于知识库的哪个领域；热线没有运行时临时启动对话模型。"""
    from config.logs import set_up_logs
    from dialog.nlu import Asked, read_batch

    if (text is None) == (batch is None):
        fail("bad_arguments", "请给一句话，或用 --batch 给一个文件，二者选一", as_json)
    set_up_logs("WARNING")
    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        if batch is not None:
            run_async(_all(settings, read_batch(batch.expanduser())))
            return
        found = run_async(_one(settings, Asked("", text or "")))
    del found["id"]
    if as_json:
        print_json({"text": text, **found})
        return
    act, confidence = found["intent"], found["confidence"]
    typer.echo(f"{ACT_LABELS.get(act, act)}（{act}），把握 {confidence:.2f}；领域：{found['topic'] or '无'}")
    others = "、".join(f"{ACT_LABELS.get(name, name)} {share:.2f}" for name, share in found["ranking"] if name != act)
    typer.echo(f"其他可能：{others}")


async def _one(settings: "Settings", asked: "Asked") -> dict[str, Any]:
    from config.errors import HotlineError
    from dialog.guards import MAX_TEXT, clean

    if not clean(asked.text) or len(asked.text) > MAX_TEXT:
        raise HotlineError("bad_text", f"请给 1 到 {MAX_TEXT} 个字的一句话")
    async with _judging(settings) as judged:
        return await judged(asked)


async def _all(settings: "Settings", lines: "list[Asked]") -> None:
    """One JSON line for each; progress goes to stderr."""
    started = told = time.monotonic()
    async with _judging(settings) as judged:
        for number, asked in enumerate(lines, 1):
            found = await judged(asked)
            del found["ranking"]
            sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
            if time.monotonic() - told > _TELL_EVERY_S:
                told = time.monotonic()
                typer.echo(f"已判断 {number}/{len(lines)} 句", err=True)
    sys.stdout.flush()
    typer.echo(f"共 {len(lines)} 句，用时 {time.monotonic() - started:.1f} 秒", err=True)


@asynccontextmanager
async def _judging(settings: "Settings") -> AsyncIterator[Judge]:
    """Judges a line by the installation's model and knowledge base."""
    from dialog.bot_server import understanding
    from dialog.nlu import has_topic, judge, topic_of
    from knowledge.repository import Repository
    from knowledge.search import Search

    clock = SystemClock()
    async with opened_store(settings) as (database, _):
        await Repository(database, clock).load_samples()
        search = Search(database, settings, clock, meaning=settings.search_meaning)
        await search.refresh_if_changed()
        with reading_progress() as progress:
            await search.read_all(progress)
        async with understanding(settings, lambda told: typer.echo(told, err=True)) as client:

            async def judged(asked: "Asked") -> dict[str, Any]:
                step = await judge(client, asked.text)
                topic = topic_of(search.search(asked.text, clock.now())) if has_topic(step.act) else ""
                return {
                    "id": asked.id,
                    "intent": step.act,
                    "confidence": round(step.confidence, 4),
                    "topic": topic,
                    "ranking": [[name, round(share, 4)] for name, share in step.ranking],
                }

            yield judged
