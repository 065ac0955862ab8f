"""A child process of ours, spoken to in frames over its pipes; watched, and killed when it hangs."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from config.errors import HotlineError
from ivr.speech.pipe_frames import BrokenPipe, Kind, PipeFrame, pack, read_frame
from ivr.speech.starvation import FairClock

_log = structlog.get_logger("ivr")

PING_S: Final = 0.1
HANG_S: Final = 0.6
"""A worker that has not answered a ping for this long is hung; its calls go on elsewhere in less than 1 s."""


class WorkerNotStarted(HotlineError):
    """The child did not come up."""

    def __init__(self, module: str, code: int | None) -> None:
        super().__init__(
            "worker_not_started",
            f"工作进程 {module} 未能启动（退出码 {code}）；请运行 ./hotline doctor 查看缺少什么",
        )


class WorkerProcess:
    """Runs ``python -m module *arguments``. ``on_frame`` gets what it sends, ``on_exit`` is called once when it is gone."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        on_frame: Callable[[PipeFrame], None],
        on_exit: Callable[[], None],
        hang_s: float = HANG_S,
    ) -> None:
        self._module = module
        self._arguments = tuple(arguments)
        self._on_frame = on_frame
        self._on_exit = on_exit
        self._hang_s = hang_s
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: asyncio.Future[Mapping[str, object]] | None = None
        self._ping_pending = False
        self._stopping = False
        self._doomed = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None and not (self._stopping or self._doomed)

    async def start(self, timeout_s: float) -> Mapping[str, object]:
        """Start and wait until the child says it is ready; returns what it says of itself."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._tasks = [
            loop.create_task(self._read(), name=f"{self._module}-read"),
            loop.create_task(self._watch(), name=f"{self._module}-watch"),
        ]
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self._ready)
        except (TimeoutError, EOFError):
            await self.stop()
            raise WorkerNotStarted(self._module, self._process.returncode) from None
        except asyncio.CancelledError:
            await self.stop()
            raise

    def send(self, kind: Kind, id: int, payload: bytes | Mapping[str, object] = b"") -> None:
        """Queue a frame; dropped when the child is gone (its ``on_exit`` tells)."""
        if self.alive and self._process and self._process.stdin and not self._process.stdin.is_closing():
            self._process.stdin.write(pack(kind, id, payload))

    def kill(self) -> None:
        """End the child at once; ``on_exit`` follows."""
        self._doomed = True
        if self._process and self._process.returncode is None:
            # not Process.kill(): its poll() would take the exit code away from asyncio's child watcher
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Close the pipes, give the child a second to go, then end it. ``on_exit`` is not called."""
        self._stopping = True
        process = self._process
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        try:
            async with asyncio.timeout(1.0):
                await process.wait()
        except TimeoutError:
            self.kill()
            await process.wait()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._ready and self._ready.done() and not self._ready.cancelled():
            self._ready.exception()

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None and self._ready is not None  # noqa: S101 (set in start)
        try:
            while (frame := await read_frame(self._process.stdout)) is not None:
                if frame.kind is Kind.PONG:
                    self._ping_pending = False
                elif frame.kind is Kind.STUCK:
                    _log.warning("worker_stuck", module=self._module)
                    self.kill()
                elif frame.kind is Kind.READY and not self._ready.done():
                    self._ready.set_result(frame.json())
                else:
                    self._on_frame(frame)
        except BrokenPipe:
            _log.warning("worker_sent_garbage", module=self._module)
        self.kill()
        await self._process.wait()
        if not self._ready.done():
            self._ready.set_exception(EOFError())
        elif not self._stopping:
            _log.warning("worker_died", module=self._module, code=self._process.returncode)
            self._stopping = True
            self._on_exit()

    async def _watch(self) -> None:
        """Ping; a worker that answers no ping is killed, and the read loop then sees its end."""
        assert self._ready is not None and self.pid is not None  # noqa: S101 (set in start)
        await asyncio.wait([self._ready])
        clock = FairClock(self.pid)
        silent_s = 0.0
        while self.alive:
            if not self._ping_pending:
                self._ping_pending, silent_s = True, 0.0
                clock.restart()
                self.send(Kind.PING, 0)
            elif silent_s > self._hang_s:
                _log.warning("worker_hung", module=self._module)
                self.kill()
                return
            await asyncio.sleep(PING_S)
            silent_s += min(clock.seconds(), PING_S)  # a starved machine delays us as well: that is not a hang
            clock.restart()
