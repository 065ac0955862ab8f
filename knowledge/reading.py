"""Reading entries for their meaning: working out the vectors that are not known yet, piece by piece."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from structlog import get_logger

from knowledge.contract import Entry
from knowledge.index import Index
from knowledge.kinds import Floats
from knowledge.meaning import Encoder, asked_text, encoder
from knowledge.meant import Meant, Reader, Vectors
from store.files import alone

log = get_logger("knowledge")

SAMPLE_VECTORS: Final = Path(__file__).parent / "sample" / "vectors"
"""Those of the sample entries, worked out beforehand (:mod:`knowledge.calibration`): the first start need not wait."""
_PIECE: Final = 128
"""So many vectors are written at a time: what a stop loses at most."""
_LOOK_EVERY_S: Final = 5.0
"""How often it is looked whether another process has read more."""
_LOW_PRIORITY: Final = 10
MOST_SENTENCES: Final = 60_000
"""Ways of asking and answers: a larger base is searched by words alone; reading it would take hours and hundreds of megabytes."""
_LOCK: Final = "reading.lock"


def read_entries(
    encoder: Encoder,
    vectors: Vectors,
    entries: Sequence[Entry],
    progress: Callable[[int, int], None] = lambda done, all_: None,
    stop: threading.Event | None = None,
) -> int:
    """Work out what ``vectors`` lacks of ``entries``, about 30 ms each; returns how many. ``progress``: (done, all)."""
    missing = list(vectors.missing(entries))
    done = 0
    for start in range(0, len(missing), _PIECE):
        made: dict[str, tuple[list[int], list[Floats]]] = {}
        for kind, key, text in missing[start : start + _PIECE]:
            if stop is not None and stop.is_set():
                break
            keys, rows = made.setdefault(kind, ([], []))
            keys.append(key)
            rows.append(encoder.vector(kind, text))
            done += 1
            progress(done, len(missing))
        for kind, (keys, rows) in made.items():
            vectors.add(kind, keys, rows)
        if stop is not None and stop.is_set():
            break
    return done


class Readers:
    """Readers of indexes, and the thread that reads what is new. Where no model can run, readers are ``None``.

    One process of those that share a folder reads; the others take up what it wrote.
    """

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._encoder: Encoder | None = None
        self._vectors: Vectors | None = None
        self._latest: Meant | None = None
        self._renew = False
        self._done: set[tuple[str, int]] = set()
        self._wanted: Sequence[Entry] = ()
        self._unread = True
        self._more = False
        self._looked = time.monotonic()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def of(self, index: Index) -> Reader | None:
        """A reader of ``index``, as far as its vectors are known. The first call loads the model and what was read."""
        if sum(len(side.part.written) + side.part.size for side in index.sides) > MOST_SENTENCES:
            return None
        if self._vectors is None:
            self._encoder = encoder()
            self._vectors = Vectors([self._folder, SAMPLE_VECTORS])
        if self._encoder is None:
            return None
        self._latest = self._vectors.of(index, self._latest, renew=self._renew)
        self._renew = False
        return Reader(self._latest, self._encoder)

    def more_known(self) -> bool:
        """Whether more has been read, here or (looked for every few seconds) by another process."""
        late = self._unread and not self._reading() and time.monotonic() - self._looked > _LOOK_EVERY_S
        if not self._more and late and self._vectors is not None and self._encoder is not None:
            self._looked = time.monotonic()
            self._more = self._vectors.refresh()
            self._start()
        return self._more

    def take_up(self) -> bool:
        """Whether more was known since this was last asked: readers must be made anew."""
        self._renew, self._more = self._more, False
        return self._renew

    def want(self, entries: Sequence[Entry]) -> None:
        """Have ``entries`` read, in the background."""
        self._wanted, self._unread = entries, True
        self._start()

    def read(self, question: str) -> None:
        """Read a question, so that its vector is at hand when it is searched for."""
        if self._encoder is not None and self._latest is not None and self._latest.enough:
            self._encoder.question(asked_text(question))

    def finish(self, progress: Callable[[int, int], None]) -> None:
        """Read all that is wanted now."""
        self.close()
        if self._vectors is not None and self._encoder is not None:
            self._vectors.refresh()
            read_entries(self._encoder, self._vectors, self._wanted, progress)
            self._more, self._unread = True, False

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._stop.clear()

    def _reading(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        if not self._reading():
            self._thread = threading.Thread(target=self._read_wanted, name="knowledge-reading", daemon=True)
            self._thread.start()

    def _read_wanted(self) -> None:
        if self._encoder is None or self._vectors is None:
            return
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
        with _alone(self._folder / _LOCK) as mine:
            if not mine:
                return
            started, wanted = time.monotonic(), self._wanted
            entries = [entry for entry in wanted if (entry.id, entry.version) not in self._done]
            count = read_entries(self._encoder, self._vectors, entries, stop=self._stop)
            self._unread = self._stop.is_set() or wanted is not self._wanted
            if not self._stop.is_set():
                self._done.update((entry.id, entry.version) for entry in entries)
            if count:
                self._more = True
                log.info("knowledge_read", vectors=count, took_s=round(time.monotonic() - started, 1))


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[bool]:
    """Whether this process is the one that reads; where nothing can be written, each reads for itself."""
    with contextlib.ExitStack() as stack:
        try:
            mine = stack.enter_context(alone(lock))
        except OSError:
            mine = True
        yield mine
