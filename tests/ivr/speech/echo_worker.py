"""A recogniser worker without a model: it counts frames. Certain frames make it die or hang, as Vosk can.

An utterance of n frames is recognised as ``n``; with hints as ``n:hint``. A frame that begins with ``DIE`` ends the process, one
that begins with ``HANG`` stops it.
"""

import os
import sys
import time
from pathlib import Path

from ivr.speech.pipe_frames import Kind, pack, read_frame_blocking


def main() -> None:
    marks = Path(sys.argv[1])
    counts: dict[int, int] = {}
    hints: dict[int, list[str]] = {}
    sink = sys.stdout.buffer
    sink.write(pack(Kind.READY, 0, {}))
    sink.flush()
    while (frame := read_frame_blocking(sys.stdin.buffer)) is not None:
        if frame.kind is Kind.PING:
            sink.write(pack(Kind.PONG, 0))
        elif frame.kind is Kind.OPEN:
            counts[frame.id], hints[frame.id] = 0, frame.json()["hints"]
        elif frame.kind is Kind.AUDIO:
            once = marks / "died"
            if frame.payload.startswith(b"DIE!") or (b"DIE1" in frame.payload and not once.exists()):
                once.touch()
                os._exit(9)
            if frame.payload.startswith(b"HANG") and not once.exists():
                once.touch()
                time.sleep(30)
            counts[frame.id] += len(frame.payload) // 320
            sink.write(pack(Kind.PARTIAL, frame.id, {"text": str(counts[frame.id])}))
        elif frame.kind is Kind.FINISH:
            text = ":".join([str(counts[frame.id]), *hints[frame.id]])
            result = {"text": text, "confidence": 0.5, "words": [[text, 0, 20, 0.5]]}
            sink.write(pack(Kind.RESULT, frame.id, result))
        sink.flush()


if __name__ == "__main__":
    main()
