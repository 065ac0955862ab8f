"""Files that are replaced whole or not at all."""

import contextlib
import os
import tempfile
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
