"""Recognises what came back over the line, in a process of its own and without hints.

``python -m ivr.phones.transcription_worker MODEL``: on stdin lengths (uint32, little-endian) and samples (int16, 8 kHz), on
stdout one JSON string a line. The Vosk library can take its process down (DESIGN §6.2): not the phone's.
"""

import json
import os
import struct
import sys

from asr_models.measure import transcribe
from ivr.sip.contract import SAMPLE_RATE


def main() -> None:
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the library prints must not reach the answers
    from vosk import Model, SetLogLevel

    SetLogLevel(-1)
    model = Model(sys.argv[1])
    while len(head := source.read(4)) == 4:
        pcm = source.read(struct.unpack("<I", head)[0])
        sink.write(json.dumps(transcribe(model, pcm, SAMPLE_RATE), ensure_ascii=False) + "\n")
        sink.flush()


if __name__ == "__main__":
    main()
