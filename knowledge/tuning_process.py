"""Tunes in a process of its own, of low priority, so that calls on the same machine do not notice."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from config.errors import HotlineError
from knowledge.tuning import Material, Part, tuned

_NICE: Final = 15
_LOOK_EVERY_S: Final = 0.5
LIMIT_S: Final = 3600.0


def run(
    material: Material,
    present: dict[str, Any],
    folder: Path | None,
    told: Callable[[str, int, int], None],
    elapsed: Callable[[], float],
) -> tuple[Part, ...]:
    """:func:`knowledge.tuning.tuned` in another process; what is asked goes there by a pipe, never by a file.

    ``elapsed``: seconds since the beginning. Raises :class:`HotlineError` ``tuning_failed`` when it breaks off or takes longer than
    :data:`LIMIT_S`.
    """
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe()
    process = context.Process(target=_work, args=(its,), daemon=True)
    process.start()
    its.close()
    try:
        mine.send((material, present, folder))
        while elapsed() < LIMIT_S:
            if mine.poll(_LOOK_EVERY_S):
                kind, *rest = mine.recv()
                if kind == "parts":
                    parts: tuple[Part, ...] = rest[0]
                    return parts
                told(rest[0], rest[1], rest[2])
    except (EOFError, OSError) as error:
        raise HotlineError("tuning_failed", "配权重的进程中途退出，权重没有改动；请看内存是否够用，再试一次") from error
    finally:
        process.kill()
        process.join()
        mine.close()
    raise HotlineError("tuning_failed", f"超过 {LIMIT_S / 60:.0f} 分钟还没有配好，已停止，权重没有改动；请在闲时再试")


def _work(connection: Connection) -> None:
    os.nice(_NICE)
    material, present, folder = connection.recv()
    parts = tuned(material, present, folder, lambda step, done, all_: connection.send(("step", step, done, all_)))
    connection.send(("parts", parts))
    connection.close()
