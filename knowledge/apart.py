"""Runs a module of ours in a process of its own, under limits: a file made to hang or to fill its reader ends that process
and nothing else.

``python -m knowledge.apart MODULE MEMORY_MB CPU_S ARGUMENTS…`` is that process: it limits itself and calls ``MODULE.main(ARGUMENTS)``.
"""

import asyncio
import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.errors import HotlineError

_ROOT: Final = Path(__file__).resolve().parent.parent
_LONGEST_LINE: Final = 4 * 1024 * 1024
_TOO_BIG: Final = 3
"""Exit status of a process that was refused more memory."""
_AT_ONCE: Final = 2
_NICE: Final = 10
_PR_SET_PDEATHSIG: Final = 1
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""Of the environment: nothing else, such as keys, is any business of a process that reads what strangers send."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``seconds`` of wall-clock time, ``cpu_s`` of the processor, ``memory_mb`` of address space, ``told_mb`` of what it prints."""

    seconds: float
    cpu_s: int
    memory_mb: int
    told_mb: int


class Failed(HotlineError):
    """The process did not come to its end. ``code``: ``too_long`` | ``too_big`` (memory, or what it printed) | ``broken``."""


class Apart:
    """Starts such processes, a few at a time; the others wait, and their waiting counts as their time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def run(self, module: str, arguments: Sequence[str], limits: Limits, take: Callable[[bytes], None]) -> None:
        """Run ``module``'s ``main``; ``take`` gets each line that it prints, without its end, as it comes.

        The process does not outlive this call. Raises :class:`Failed`, and whatever ``take`` raises.
        """
        try:
            async with asyncio.timeout(limits.seconds), self._places:
                await _run(module, arguments, limits, take)
        except TimeoutError as error:
            raise Failed("too_long", f"超过 {limits.seconds:.0f} 秒没有读完，已停止") from error


async def _run(module: str, arguments: Sequence[str], limits: Limits, take: Callable[[bytes], None]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "knowledge.apart",
        module,
        str(limits.memory_mb),
        str(limits.cpu_s),
        *arguments,
        cwd=_ROOT,
        env={name: os.environ[name] for name in _KEPT if name in os.environ} | {"OPENBLAS_NUM_THREADS": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LONGEST_LINE,
        start_new_session=True,
    )
    try:
        await _lines(process, limits, take)
        _judge(await process.wait(), limits)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await _drained(process)
        await process.wait()


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read away what a killed process had printed: asyncio waits for the end of a pipe that nobody reads for ever."""
    if process.stdout is not None:
        while await process.stdout.read(_LONGEST_LINE):
            pass


async def _lines(process: asyncio.subprocess.Process, limits: Limits, take: Callable[[bytes], None]) -> None:
    if process.stdout is None:
        return
    told = 0
    while line := await _line(process.stdout):
        told += len(line)
        if told > limits.told_mb * 1024**2:
            raise Failed("too_big", f"内容超过 {limits.told_mb} MB，已停止")
        take(line.removesuffix(b"\n"))
        await asyncio.sleep(0)  # a line that is there already is given without a pause: calls come first


async def _line(stdout: asyncio.StreamReader) -> bytes:
    try:
        return await stdout.readline()
    except ValueError as error:
        raise Failed("too_big", "有一行内容太长，已停止") from error


def _judge(status: int, limits: Limits) -> None:
    if status == -signal.SIGXCPU:
        raise Failed("too_long", f"超过 {limits.cpu_s} 秒处理器时间没有读完，已停止")
    if status in (_TOO_BIG, -signal.SIGKILL):
        raise Failed("too_big", f"需要的内存超过 {limits.memory_mb} MB，已停止")
    if status != 0:
        raise Failed("broken", "读取程序中途出错")


def main() -> None:
    module, memory_mb, cpu_s, *arguments = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 1))
    memory = int(memory_mb) * 1024**2
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        importlib.import_module(module).main(arguments)
        sys.stdout.flush()
    except MemoryError:
        os._exit(_TOO_BIG)


if __name__ == "__main__":
    main()
