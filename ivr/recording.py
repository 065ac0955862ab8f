"""Recording calls: both sides in step with the call's clock, written by one thread, so that no disk can stall a call.

A recording's offsets are the call's own ms, the ones that utterances carry. While a call lasts its file ends in ``.open``;
what is over, or was left behind by a node that died, ends in ``.rec`` and waits to be shipped (:mod:`ivr.recording_upload`).
"""

import errno
import queue
import shutil
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from ivr.sip.contract import FRAME_BYTES, FRAME_SAMPLES
from store.ids import new_id
from store.recording_file import RecordingWriter
from store.vault import Vault

_log = structlog.get_logger("ivr")

OPEN: Final = ".open"
CLOSED: Final = ".rec"
BLOCK_FRAMES: Final = 50
"""One second goes to disk at a time: so much may be lost when the node is killed."""
MIN_FREE_BYTES: Final = 256 * 2**20
"""With less room than this no recording is begun: the disk is needed for promises and logs."""
_WAITING_MOST: Final = 4000
"""Seconds of sound that may wait for a slow disk, all calls together: 130 MB."""
_SAMPLES_A_MS: Final = 8

Job = Callable[[], None]


class CallRecording:
    """One call's recording. Made by :meth:`Recordings.begin`; every method returns at once and never fails."""

    def __init__(self, path: Path, create: Callable[[], RecordingWriter], hand_on: Callable[[Job], bool]) -> None:
        self._path = path
        self._file: RecordingWriter | None = None
        self._hand_on = hand_on
        self._heard: list[bytes] = []
        self._sent = deque([bytes(FRAME_BYTES)])
        """Starts with a silent frame: the node hears before it speaks, and each frame heard needs its counterpart."""
        self._frames = 0
        """Frames that were heard so far: the call's clock."""
        self._withheld = 0
        """Frames of the current pause that are not handed on yet."""
        self._owed = 0
        """Samples for which the thread had no room."""
        self._failing = False
        self.paused = False
        self._do(lambda file: None, 0, create)

    def sent(self, frame: bytes) -> None:
        """A frame that went to the caller; its counterpart comes with :meth:`heard`."""
        self._sent.append(frame)

    def heard(self, frame: bytes) -> None:
        """A frame from the caller: the call's clock moves on by 20 ms."""
        self._frames += 1
        if self.paused:
            self._withheld += 1
            if self._sent:
                self._sent.popleft()
        else:
            self._heard.append(frame)
        if len(self._heard) + self._withheld >= BLOCK_FRAMES:
            self._flush()

    def pause(self, from_ms: int = -1) -> None:
        """Record silence from now on; what was said since ``from_ms`` is blotted out."""
        self._flush()
        self.paused = True
        start, end = from_ms * _SAMPLES_A_MS, self._frames * FRAME_SAMPLES
        if 0 <= start < end:
            self._do(lambda file: file.blot_out(start, end))

    def resume(self) -> None:
        """Record again."""
        self._flush()
        self.paused = False

    def close(self) -> None:
        """The call is over."""
        self._flush()
        self._do(self._end)

    def _flush(self) -> None:
        if self._withheld:
            samples, self._withheld = self._withheld * FRAME_SAMPLES, 0
            self._do(lambda file: file.withheld(samples), samples)
        if self._heard:
            heard, self._heard = self._heard, []
            sent = [self._sent.popleft() for _ in range(min(len(heard), len(self._sent)))]
            self._do(lambda file: file.sound(*_in_step(heard, sent)), len(heard) * FRAME_SAMPLES)

    def _do(
        self,
        work: Callable[[RecordingWriter], None],
        samples: int = 0,
        create: Callable[[], RecordingWriter] | None = None,
    ) -> None:
        """Give ``work`` to the thread; without room for it, note that its ``samples`` are lost."""
        owed, self._owed = self._owed, 0

        def job() -> None:
            try:
                if create is not None:
                    self._file = create()
                if self._file is not None:
                    self._file.lost(owed)
                    work(self._file)
                    self._failing = False
            except OSError as error:
                if not self._failing:
                    _log.error("recording_failing", errno=error.errno)
                self._failing = True

        if not self._hand_on(job):
            self._owed = owed + samples

    def _end(self, file: RecordingWriter) -> None:
        try:
            file.end()
        finally:
            self._path.rename(self._path.with_suffix(CLOSED))


class Recordings:
    """All recordings of this node, in ``folder``, which belongs to it alone."""

    def __init__(self, folder: Path, vault: Vault, *, enabled: bool = True) -> None:
        self._folder = folder
        self._vault = vault
        self._enabled = enabled
        self._jobs: queue.Queue[Job | None] = queue.Queue(_WAITING_MOST)
        self._thread = threading.Thread(target=self._work, name="recordings", daemon=True)

    @property
    def folder(self) -> Path:
        return self._folder

    def start(self) -> None:
        """Begin to write; what an earlier node left open is closed, as far as it was written."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.glob(f"*{OPEN}"):
            left.rename(left.with_suffix(CLOSED))
            _log.warning("recording_recovered", recording=left.stem)
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, then end. Blocks; call it off the loop."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def begin(self, call: str, at: datetime) -> CallRecording | None:
        """Record a call that begins now; ``None`` where the city records none. Without room on the disk nothing is kept."""
        if not self._enabled:
            return None
        recording_id = new_id()
        path = self._folder / f"{recording_id}{OPEN}"

        def create() -> RecordingWriter:
            if shutil.disk_usage(self._folder).free < MIN_FREE_BYTES:
                raise OSError(errno.ENOSPC, "too little room to begin a recording")
            return RecordingWriter(path, self._vault, recording_id, {"call": call, "started_at": at.isoformat()})

        return CallRecording(path, create, self._hand_on)

    def _hand_on(self, job: Job) -> bool:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                _log.exception("recording_job_failed")


def _in_step(heard: list[bytes], sent: list[bytes]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Both sides as samples, equally long."""
    left = np.frombuffer(b"".join(heard), "<i2").astype(np.int16)
    right = np.zeros(len(left), np.int16)
    given = np.frombuffer(b"".join(sent), "<i2")
    right[: len(given)] = given[: len(right)]
    return left, right
