"""Vosk in a process of its own: it can take its process down or hang (DESIGN §6.2), never the node.

``python -m ivr.speech.recogniser_worker MODEL_DIR``; frames on stdin and stdout. One recogniser a call, the model shared. The
main thread reads and answers pings, unless the decoding thread has been inside one operation for too long.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final

import vosk

from ivr.speech.pipe_frames import Kind, PipeFrame, pack, read_frame_blocking
from ivr.speech.tone_gate import ToneStripper

SAMPLE_RATE: Final = 8000
PARTIAL_BYTES: Final = 2 * SAMPLE_RATE // 10
"""Partials are looked at after every 100 ms of audio."""
LEAST_VOICED_MS: Final = 60
"""Less sound than this in an utterance is a click: the model is not asked."""
STUCK_S: Final = 0.6
"""Decoding 100 ms of audio for longer than this is a hang."""
SLOW_STEP_S: Final = 2.5
"""A large model may need so long to build a grammar or to finish an utterance."""
ANYTHING_ELSE: Final = "[unk]"
_NOT_WORDS: Final = (ANYTHING_ELSE, "<unk>", "<UNK>")


def joined(text: str) -> str:
    """Vosk separates words by spaces; Chinese does not."""
    for mark in _NOT_WORDS:
        text = text.replace(mark, "")
    return text.replace(" ", "")


class Vocabulary:
    """The model's words. A grammar may hold nothing else: Vosk drops other words silently."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._known: dict[str, bool] = {}

    def has(self, word: str) -> bool:
        if word not in self._known:
            self._known[word] = self._model.vosk_model_find_word(word) >= 0
        return self._known[word]

    def split(self, phrase: str) -> str | None:
        """``phrase`` as known words with spaces between, longest first; ``None`` when it cannot be said in them."""
        words, start = [], 0
        while start < len(phrase):
            for end in range(min(len(phrase), start + 8), start, -1):
                if self.has(phrase[start:end]):
                    words.append(phrase[start:end])
                    start = end
                    break
            else:
                return None
        return " ".join(words) or None

    def grammar(self, hints: Sequence[str]) -> str | None:
        """A grammar of the hints that the model can hear, as JSON; ``None`` rather than an empty one.

        Also ``None`` for a model without a word for everything else: it would hear a hint in whatever is said.
        """
        if not self.has(ANYTHING_ELSE):
            return None
        phrases = sorted({words for hint in hints if (words := self.split("".join(hint.split())))})
        return json.dumps([*phrases, ANYTHING_ELSE], ensure_ascii=False) if phrases else None


class Decoding:
    """One Vosk recogniser over one utterance; Vosk's own endpoints within it are joined."""

    def __init__(self, recogniser: Any) -> None:
        self._recogniser = recogniser
        recogniser.SetWords(True)
        self._words: list[Mapping[str, Any]] = []
        self._text = ""

    def begin(self) -> None:
        self._recogniser.Reset()
        self._words, self._text = [], ""

    def feed(self, pcm: bytes) -> None:
        if pcm and self._recogniser.AcceptWaveform(pcm):
            self._take(json.loads(self._recogniser.Result()))

    def partial(self) -> str:
        return self._text + joined(json.loads(self._recogniser.PartialResult()).get("partial", ""))

    def finish(self) -> dict[str, Any]:
        self._take(json.loads(self._recogniser.FinalResult()))
        words = [word for word in self._words if word["word"] not in _NOT_WORDS]
        mean = sum(word["conf"] for word in words) / len(words) if words else 0.0
        return {
            "text": self._text,
            "confidence": round(min(1.0, mean), 3),
            "unknown": len(self._words) - len(words),
            "words": [
                [word["word"], int(word["start"] * 1000), int(word["end"] * 1000), round(min(1.0, word["conf"]), 3)]
                for word in words
            ],
        }

    def _take(self, result: Mapping[str, Any]) -> None:
        self._text += joined(result.get("text", ""))
        self._words.extend(result.get("result", ()))


class Session:
    """One call: an open recogniser, and beside it a guided one while there are hints."""

    def __init__(self, model: Any, vocabulary: Vocabulary) -> None:
        self._model = model
        self._vocabulary = vocabulary
        self._open = Decoding(vosk.KaldiRecognizer(model, SAMPLE_RATE))
        self._guided: Decoding | None = None
        self._grammar: str | None = None
        self._stripper = ToneStripper()
        self._since_partial = 0
        self._told = ""

    def begin(self, hints: Sequence[str]) -> None:
        self._open.begin()
        grammar = self._vocabulary.grammar(hints)
        if grammar != self._grammar:
            self._grammar = grammar
            self._guided = Decoding(vosk.KaldiRecognizer(self._model, SAMPLE_RATE, grammar)) if grammar else None
        elif self._guided:
            self._guided.begin()
        self._stripper = ToneStripper()
        self._since_partial, self._told = 0, ""

    def feed(self, pcm: bytes) -> str | None:
        """Decode; returns the words so far when they have changed."""
        self._decode(self._stripper.feed(pcm))
        self._since_partial += len(pcm)
        if self._since_partial < PARTIAL_BYTES or self._stripper.voiced_ms < LEAST_VOICED_MS:
            return None
        self._since_partial = 0
        text = self._open.partial()
        if text == self._told:
            return None
        self._told = text
        return text

    def finish(self) -> dict[str, Any]:
        rest = self._stripper.flush()
        if self._stripper.voiced_ms < LEAST_VOICED_MS:
            return {"text": "", "confidence": 0.0, "words": []}
        self._decode(rest)
        heard = self._open.finish()
        if self._guided:
            guided = self._guided.finish()
            # one of the expected answers and nothing else, at least as sure as free recognition
            if guided["text"] and not guided["unknown"] and guided["confidence"] >= heard["confidence"]:
                return guided
        return heard

    def _decode(self, pcm: bytes) -> None:
        self._open.feed(pcm)
        if self._guided:
            self._guided.feed(pcm)


class Worker:
    """Reads frames in one thread, decodes in another."""

    def __init__(self, model_dir: str, sink: BinaryIO) -> None:
        vosk.SetLogLevel(-1)
        self._model = vosk.Model(model_dir)
        self._vocabulary = Vocabulary(self._model)
        self._sessions: dict[int, Session] = {}
        self._sink = sink
        self._writing = threading.Lock()
        self._queue: queue.SimpleQueue[PipeFrame | None] = queue.SimpleQueue()
        self._due: float | None = None
        """When the operation in hand must be over, monotonic; ``None``: none is in hand."""

    def run(self, source: BinaryIO) -> None:
        Session(self._model, self._vocabulary)
        self._send(Kind.READY, 0, {"model": "vosk"})
        decoding = threading.Thread(target=self._decode, name="decode", daemon=True)
        decoding.start()
        while (frame := read_frame_blocking(source)) is not None:
            if frame.kind is not Kind.PING:
                self._queue.put(frame)
            elif decoding.is_alive() and not self._stuck():
                self._send(Kind.PONG, frame.id)
        self._queue.put(None)
        decoding.join(1.0)

    def _stuck(self) -> bool:
        due = self._due
        return due is not None and time.monotonic() > due

    def _send(self, kind: Kind, id: int, payload: bytes | Mapping[str, object] = b"") -> None:
        with self._writing:
            self._sink.write(pack(kind, id, payload))
            self._sink.flush()

    def _decode(self) -> None:
        while (frame := self._queue.get()) is not None:
            self._due = time.monotonic() + SLOW_STEP_S
            self._handle(frame)
            self._due = None

    def _handle(self, frame: PipeFrame) -> None:
        if frame.kind is Kind.CLOSE:
            self._sessions.pop(frame.id, None)
            return
        session = self._sessions.get(frame.id)
        if session is None:
            session = self._sessions[frame.id] = Session(self._model, self._vocabulary)
        if frame.kind is Kind.OPEN:
            session.begin(frame.json()["hints"])
        elif frame.kind is Kind.AUDIO:
            for start in range(0, len(frame.payload), PARTIAL_BYTES):
                self._due = time.monotonic() + STUCK_S
                words = session.feed(frame.payload[start : start + PARTIAL_BYTES])
                if words is not None:
                    self._send(Kind.PARTIAL, frame.id, {"text": words})
        elif frame.kind is Kind.FINISH:
            self._send(Kind.RESULT, frame.id, session.finish())


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not reach the frames
    Worker(sys.argv[1], sink).run(source)
    sink.flush()
    os._exit(0)  # Vosk's destructors have been seen to crash on the way out


if __name__ == "__main__":
    main()
