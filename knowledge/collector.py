"""Keeps a large knowledge base out of the way of Python's collector of cyclic garbage."""

import gc
from typing import Final

_MANY: Final = 10_000


def spare(entries: int) -> None:
    """Let the collector pass over all objects that there are now, when there are many ``entries`` among them.

    Entries have no cycles, and looking through 100,000 of them holds up whatever the process does for a third of a second,
    again and again. They are still freed as soon as nobody holds them.
    """
    if entries > _MANY:
        gc.freeze()
