"""An ivr node: SIP endpoint, voice, recognisers, the link to the gateway, and the calls. ``python -m ivr.node``."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog

from config.clock import Clock, SystemClock
from config.logs import set_up_logs
from config.rulebook import load_rulebook
from config.settings import Settings
from ivr.admission import FULL, Admission
from ivr.call_flow import PATIENCE_MS, CallFlow
from ivr.call_tasks import first_of
from ivr.emergency_words import EmergencyWords
from ivr.health import answers_options, ask_health, serve_health
from ivr.hold_audio import load_hold_audio
from ivr.link import GatewayLink
from ivr.promises import Promises
from ivr.prompts import load_prompts
from ivr.protocol import Ack, CallbackRecorded, GatewayFrame, Incidents, LiveCall, NodeFrame, NodeLoad, Restrictions
from ivr.recording import Recordings
from ivr.recording_upload import RecordingShipper
from ivr.sip.contract import CallLeg, SipEndpoint
from ivr.sip.factory import make_endpoint
from ivr.speech.installed import InstalledRecognisers
from ivr.speech.recogniser import RecogniserService
from ivr.speech.voice import SpeakerService, hotline_voice
from ivr.surroundings import Surroundings
from store.vault import Vault

_log = structlog.get_logger("ivr")

NEWCOMER_PATIENCE_MS: Final = 4000
"""A caller who comes while the gateway has long been away waits no longer than this."""
DRAINING_RETRY_AFTER_S: Final = 30
"""A node that leaves is told apart from one that is full: another takes over, or it is back after about so long."""
LAST_WORDS_S: Final = 20.0
"""After the drain's limit those still with the bot hear a promise to be called back; no longer than this."""
_LOAD_S: Final = 5.0
_PROBE_S: Final = 2.0
"""A part that takes longer to prove itself counts as failing: whoever asks waits 3 s for the answer."""


class Node:
    """Composes the parts and owns their lives. It is the link's other side (``LinkEvents``)."""

    def __init__(
        self,
        settings: Settings,
        *,
        endpoint: SipEndpoint,
        voice: SpeakerService,
        recognisers: RecogniserService,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._endpoint = endpoint
        self._voice = voice
        self._recognisers = recognisers
        self._clock = clock or SystemClock()
        self._flows: dict[str, CallFlow] = {}
        vault = Vault(settings)
        self._prompts = load_prompts()
        self._promises = Promises(settings.data_dir / "promises", vault)
        self._link = GatewayLink(
            f"ws://{settings.effective_gateway_address}/node",
            secret=lambda: settings.secret("node"),
            node=f"{socket.gethostname()}-{settings.sip_port}",
            events=self,
        )
        rulebook = load_rulebook(settings.city, settings.data_dir)
        self._admission = Admission(
            vault=vault,
            clock=self._clock,
            ask=self._link.ask,
            max_calls=settings.max_calls,
            max_restricted_calls=settings.max_restricted_calls,
            default_notice=self._prompts["restricted"],
            slots=settings.effective_recognition_slots,
            overflow=rulebook.overflow,
            bridged=lambda: sum(flow.listened_to and flow.live.bridged for flow in self._flows.values()),
        )
        self._recordings = Recordings(
            settings.data_dir / "node-recordings" / str(settings.sip_port), vault, enabled=rulebook.recording.enabled
        )
        self._shipper = RecordingShipper(
            self._recordings.folder,
            f"http://{settings.effective_gateway_address}",
            secret=lambda: settings.secret("node"),
        )
        self._around = Surroundings(
            endpoint=endpoint,
            voice=voice,
            recognisers=recognisers,
            prompts=self._prompts,
            emergencies=EmergencyWords(rulebook),
            promises=self._promises,
            clock=self._clock,
            send=self._link.send,
            fallback_uri=settings.ivr_fallback_uri,
            recordings=self._recordings,
            hold_sound=load_hold_audio(settings.data_dir),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._health: asyncio.Server | None = None
        self._draining = False
        self._no_calls = asyncio.Event()

    async def start(self) -> None:
        """Bring everything up; raises what keeps a part from working."""
        await asyncio.gather(self._voice.start(), self._recognisers.start())
        self._recordings.start()
        self._endpoint.on_call(self._take_call)
        await self._endpoint.start()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._link.run(), name="link"),
            loop.create_task(self._shipper.run(), name="recordings"),
            loop.create_task(self._tell_load(), name="load"),
            loop.create_task(self._warm_prompts(), name="prompts"),
        ]
        self._health = await serve_health(self._settings.socket_path("ivr"), self.health)
        self._write_status()
        _log.info("node_started", sip=self._endpoint.address, recogniser=self._recognisers.name)

    async def drain(self, at_once: asyncio.Event) -> None:
        """Refuse new calls; return when those that are on have ended, or as soon as ``at_once`` is set.

        After ``drain_s`` of the settings the bot's callers are promised a call back, and agents' calls are let go.
        """
        self._draining = True
        self._endpoint.drain()
        _log.info("node_draining", calls=len(self._flows), limit_s=self._settings.drain_s)
        await first_of(at_once.wait(), self._emptied())

    async def _emptied(self) -> None:
        await self._calls_over(self._settings.drain_s)
        for flow in list(self._flows.values()):
            flow.end_with_promise()
        await self._calls_over(LAST_WORDS_S)

    async def stop(self) -> None:
        """End the calls that are on, and everything else."""
        self._draining = True
        for flow in self._flows.values():
            flow.end_now()
        await self._calls_over(1.5)
        await self._endpoint.stop()
        await self._link.flushed(1.0)
        if self._health:
            self._health.close()
            self._settings.socket_path("ivr").unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._recordings.stop)
        await asyncio.gather(self._recognisers.close(), self._voice.close())
        (self._settings.run_dir / "ivr.json").unlink(missing_ok=True)
        _log.info("node_stopped")

    async def _calls_over(self, within_s: float) -> None:
        if self._flows:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._no_calls.wait()

    async def health(self) -> Mapping[str, object]:
        """Whether each part truly works; ``ok`` when all do.

        With calls on, ``ok`` says only that the node lives: its parts replace what fails in them, while a node that is replaced
        because a part is slow takes all its calls with it.
        """
        host, port = self._endpoint.address
        recogniser, voice, sip = await asyncio.gather(
            _within(_PROBE_S, self._recognisers.probe()),
            _within(_PROBE_S, self._voice.probe()),
            answers_options(host, port),
        )
        return {
            "ok": bool(self._flows) or (self._link.is_up and recogniser and voice and sip),
            "linked": self._link.is_up,
            "recogniser": recogniser,
            "voice": voice,
            "sip": sip,
            "address": [host, port],
            "model": self._recognisers.name,
            "calls": len(self._flows),
            "tasks": len(asyncio.all_tasks()),
            "draining": self._draining,
            "registered": self._endpoint.registered,
            "admitted_unchecked": self._admission.unchecked,
            "promises_undelivered": len(self._promises.undelivered()),
        }

    # --- calls --------------------------------------------------------------------------------------------------

    async def _take_call(self, leg: CallLeg) -> None:
        if self._draining:
            await leg.reject(FULL, retry_after_s=DRAINING_RETRY_AFTER_S)
            return
        verdict = await self._admission.decide(leg)
        if verdict.kind == "rejected":
            await leg.reject(verdict.code, retry_after_s=verdict.retry_after_s)
            return
        flow = CallFlow(
            leg,
            self._around,
            notice=verdict.notice or None,
            overflow=verdict.overflow,
            patience_ms=self._patience_ms(),
        )
        self._flows[leg.call_id] = flow
        self._no_calls.clear()
        try:
            await flow.run()
        finally:
            del self._flows[leg.call_id]
            if not self._flows:
                self._no_calls.set()
            self._admission.release(verdict)

    def _patience_ms(self) -> int | None:
        if self._link.is_up:
            return None
        return max(NEWCOMER_PATIENCE_MS, PATIENCE_MS - int(self._link.down_s * 1000))

    # --- the link's other side ----------------------------------------------------------------------------------

    def live_calls(self) -> Iterable[LiveCall]:
        return [flow.live for flow in self._flows.values()]

    def restrictions_version(self) -> int:
        return self._admission.table.version

    def undelivered(self) -> list[CallbackRecorded]:
        return self._promises.undelivered()

    def linked(self, released: frozenset[str]) -> None:
        for call, flow in self._flows.items():
            flow.link_restored(known=call not in released)

    def lost(self) -> None:
        for flow in self._flows.values():
            flow.link_lost()

    def received(self, frame: GatewayFrame) -> None:
        if isinstance(frame, Restrictions):
            self._admission.table.replace(frame)
        elif isinstance(frame, Incidents):
            self._around.emergencies.replace(frame)
        elif isinstance(frame, Ack):
            self._promises.acknowledged(frame.id)
        elif flow := self._flows.get(getattr(frame, "call", "")):
            flow.command(frame)

    # --- inside -------------------------------------------------------------------------------------------------

    async def _tell_load(self) -> None:
        while True:
            if self._link.is_up:
                load: NodeFrame = NodeLoad(calls=self._admission.calls, max_calls=self._settings.max_calls)
                self._link.send(load)
            await asyncio.sleep(_LOAD_S)

    async def _warm_prompts(self) -> None:
        """Have our own prompts in the cache, so that they can be said even while the voice is being replaced."""
        for text in self._prompts.values():
            await self._voice.synthesise(text, keep=True)

    def _write_status(self) -> None:
        self._settings.run_dir.mkdir(parents=True, exist_ok=True)
        status = {"pid": os.getpid(), "sip": list(self._endpoint.address), "started": datetime.now(UTC).isoformat()}
        (self._settings.run_dir / "ivr.json").write_text(json.dumps(status), encoding="utf-8")


async def _within(seconds: float, probe: Awaitable[bool]) -> bool:
    """What ``probe`` finds; false when it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await probe
    except TimeoutError:
        return False


def make_node(settings: Settings) -> Node:
    """The node of this installation, not yet started."""
    return Node(
        settings,
        endpoint=make_endpoint(settings),
        voice=hotline_voice(settings, load_prompts()),
        recognisers=InstalledRecognisers(settings),
    )


async def serve(settings: Settings) -> None:
    """Run the node until SIGTERM or SIGINT: it then finishes its calls. A second one, or SIGQUIT, ends them at once."""
    leave, at_once = asyncio.Event(), asyncio.Event()

    def told(*, now: bool) -> None:
        if now or leave.is_set():
            at_once.set()
        leave.set()

    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        asyncio.get_running_loop().add_signal_handler(name, partial(told, now=name is signal.SIGQUIT))
    node = make_node(settings)
    try:
        await node.start()
        await leave.wait()
        await node.drain(at_once)
    finally:
        await node.stop()


def check(settings: Settings) -> int:
    """0 when the running node is linked and its recogniser, voice and SIP work."""
    told: dict[str, Any] | None = asyncio.run(ask_health(settings.socket_path("ivr")))
    print(json.dumps(told or {"ok": False}, ensure_ascii=False))
    return 0 if told and told.get("ok") else 1


def main() -> None:
    settings = Settings()
    if "--check" in sys.argv[1:]:
        raise SystemExit(check(settings))
    set_up_logs()
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
