"""Files that are replaced whole or not at all, and files that one process holds at a time."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def replace_file(target: Path, content: bytes) -> None:
    """Put ``content`` under a name, on disk and whole, or leave what was there. The folder must exist."""
    descriptor, scratch = tempfile.mkstemp(prefix=".placing-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(scratch, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        raise


@contextlib.contextmanager
def alone(lock: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether this process holds ``lock``, a file that is made for it, until the block ends; the lock falls with its process.

    ``wait``: until no other holds it. Raises ``OSError`` where the file cannot be written.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
