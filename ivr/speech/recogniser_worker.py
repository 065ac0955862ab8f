"""Vosk in a process of its own: it can take its process down or hang (DESIGN §6.2), never the node.

``python -m ivr.speech.recogniser_worker MODEL_DIR``; frames on stdin and stdout. One recogniser a call, the model shared. The
main thread reads and answers pings, unless the decoding thread has been inside one operation for too long.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import vosk

from ivr.speech.grammar import ANYTHING_ELSE, Grammars
from ivr.speech.pipe_frames import Kind, PipeFrame, pack, read_frame_blocking
from ivr.speech.quiet_gate import QuietGate
from ivr.speech.starvation import FairClock
from ivr.speech.work_queue import MOST_BYTES, WorkQueue

SAMPLE_RATE: Final = 8000
PARTIAL_BYTES: Final = 2 * SAMPLE_RATE // 10
"""Partials are looked at after every 100 ms of audio."""
FIRST_WORDS_BYTES: Final = 2 * SAMPLE_RATE // 50
"""After every 20 ms until there are a few words: a prompt that is being spoken over waits for them."""
FEW_WORDS: Final = 3
"""Characters."""
TOLD_BYTES: Final = 3 * PARTIAL_BYTES
"""Unchanged words are told again after 300 ms of audio: whoever listens knows that somebody is listening here."""
LEAST_VOICED_MS: Final = 60
"""Less sound than this in an utterance is a click: the model is not asked."""
DEAR_SHARE: Final = 0.15
"""Processor time by audio time; clear speech takes the shipped model 0.03, noise 0.3, and far more as it goes on."""
PIECE_S: Final = 1.5
LONGEST_PIECE_S: Final = 2.5
LONGEST_ANSWER_BYTES: Final = 2 * SAMPLE_RATE * 4
"""An expected answer is short: what goes on for longer is not listened to with a grammar."""
_PAUSE_FRAMES: Final = 10
STUCK_S: Final = 0.7
"""Decoding 300 ms of audio for longer than this is a hang."""
SLOW_STEP_S: Final = 2.5
"""A large model may need so long to build a grammar or to finish an utterance."""
_LEAST_SLOW_STEP_S: Final = 1.5
_SLOW_STEP_TIMES: Final = 50
"""A small one is held to so many times what it needed for its first recogniser."""
_BYTES_A_MS: Final = 2 * SAMPLE_RATE // 1000
_NOT_WORDS: Final = (ANYTHING_ELSE, "<unk>", "<UNK>")


def joined(text: str) -> str:
    """Vosk separates words by spaces; Chinese does not."""
    for mark in _NOT_WORDS:
        text = text.replace(mark, "")
    return text.replace(" ", "")


class Decoding:
    """One Vosk recogniser over one utterance; Vosk's own endpoints within it are joined."""

    def __init__(self, recogniser: Any) -> None:
        self._recogniser = recogniser
        recogniser.SetWords(True)
        self._words: list[Mapping[str, Any]] = []
        self._text = ""
        self._fed = 0
        self._began = 0
        self._spent_s = 0.0
        self._piece_s = 0.0

    def begin(self) -> None:
        self._recogniser.Reset()
        self._words, self._text = [], ""
        self._began = self._fed
        self._spent_s = self._piece_s = 0.0

    def feed(self, pcm: bytes) -> None:
        self._fed += len(pcm)
        if not pcm:
            return
        began = time.thread_time()
        if self._recogniser.AcceptWaveform(pcm):
            self._take(json.loads(self._recogniser.Result()))
        self._spent_s += time.thread_time() - began
        self._piece_s += len(pcm) / 2 / SAMPLE_RATE

    def lighten(self, *, in_pause: bool) -> None:
        """When decoding on has become dear, take what is decoded so far for said and begin afresh from there."""
        if self.dear and self._piece_s >= (PIECE_S if in_pause else LONGEST_PIECE_S):
            self._take(json.loads(self._recogniser.FinalResult()))
            self._spent_s = self._piece_s = 0.0

    @property
    def dear(self) -> bool:
        """Whether decoding takes much longer than speech should."""
        return self._spent_s > DEAR_SHARE * self._piece_s

    def partial(self) -> str:
        return self._text + joined(json.loads(self._recogniser.PartialResult()).get("partial", ""))

    def finish(self, gate: QuietGate) -> dict[str, Any]:
        """Text, confidence and words; what was heard in music or noise is left out."""
        self._take(json.loads(self._recogniser.FinalResult()))
        spans = [self._span(word, gate) for word in self._words]
        kept = [(word, span) for word, span in zip(self._words, spans, strict=True) if gate.evidence.spoken(*span)]
        words = [(word, span) for word, span in kept if word["word"] not in _NOT_WORDS]
        mean = sum(word["conf"] for word, _ in words) / len(words) if words else 0.0
        return {
            "text": "".join(word["word"] for word, _ in words),
            "confidence": round(min(1.0, mean), 3),
            "unknown": len(self._words) - len(words),
            "words": [[word["word"], *span, round(min(1.0, word["conf"]), 3)] for word, span in words],
        }

    def _span(self, word: Mapping[str, Any], gate: QuietGate) -> tuple[int, int]:
        """Vosk counts time from the recogniser's first sample, through every utterance; we from this utterance's."""
        began_ms = self._began // _BYTES_A_MS
        start, end = (max(0, int(word[edge] * 1000) - began_ms) for edge in ("start", "end"))
        return gate.heard_at(start), gate.heard_at(max(start, end - 1)) + 1

    def _take(self, result: Mapping[str, Any]) -> None:
        self._text += joined(result.get("text", ""))
        self._words.extend(result.get("result", ()))


class Session:
    """One call: an open recogniser, and beside it a guided one while there are hints."""

    def __init__(self, model: Any, grammars: Grammars) -> None:
        self._model = model
        self._grammars = grammars
        self._open = Decoding(vosk.KaldiRecognizer(model, SAMPLE_RATE))
        self._guided: Decoding | None = None
        self._grammar: str | None = None
        self._gate = QuietGate()
        self._answer = bytearray()
        self._undecoded = b""
        self._since_partial = 0
        self._since_told = 0
        self._told: str | None = None
        """``None``: not even that there is a voice."""

    @property
    def dear(self) -> bool:
        """Whether this utterance is hard to decode: its next step may take longer than others."""
        return self._open.dear

    def begin(self, hints: object) -> None:
        self._open.begin()
        grammar = self._grammars.grammar(hints)
        if grammar != self._grammar:
            self._grammar = grammar
            self._guided = Decoding(vosk.KaldiRecognizer(self._model, SAMPLE_RATE, grammar)) if grammar else None
        elif self._guided:
            self._guided.begin()
        self._gate = QuietGate()
        self._answer = bytearray()
        self._undecoded = b""
        self._since_partial, self._since_told, self._told = 0, 0, None

    def feed(self, pcm: bytes) -> str | None:
        """Decode; returns the words so far when there is a voice (none at first), when they have changed, else every 300 ms."""
        self._undecoded += self._gate.feed(pcm)
        self._since_partial += len(pcm)
        self._since_told += len(pcm)
        told = self._told or ""
        step = FIRST_WORDS_BYTES if len(told) < FEW_WORDS else PARTIAL_BYTES
        if self._since_partial < step:
            return None
        self._since_partial = 0
        self._decode(b"")
        if not self._gate.evidence.has_voice:
            return None
        in_music = self._gate.evidence.in_music_now
        if in_music and self._told is None:
            return None
        text = told if in_music else self._open.partial()
        if text == self._told and self._since_told < TOLD_BYTES:
            return None
        self._told, self._since_told = text, 0
        return text

    def finish(self) -> dict[str, Any]:
        rest = self._gate.flush()
        if self._gate.voiced_ms < LEAST_VOICED_MS or not self._gate.evidence.has_voice:
            return {"text": "", "confidence": 0.0, "words": []}
        self._decode(rest)
        heard = self._open.finish(self._gate)
        return self._answered(heard) or heard

    def _answered(self, heard: Mapping[str, Any]) -> dict[str, Any] | None:
        """One of the expected answers and nothing else, when it was heard at least as surely as by free recognition.

        Decoded only now, and only what is short and was easily recognised: in music a grammar has been seen to take 17 s a step.
        """
        if not self._guided or not heard["text"] or len(self._answer) > LONGEST_ANSWER_BYTES or self._open.dear:
            return None
        self._guided.feed(bytes(self._answer))
        guided = self._guided.finish(self._gate)
        sure = guided["confidence"] >= heard["confidence"]
        return guided if guided["text"] and not guided["unknown"] and sure else None

    def rehearse(self) -> None:
        """Decode and finish a little silence, to see how long that takes with this model."""
        self._open.feed(bytes(PARTIAL_BYTES))
        self._open.finish(self._gate)

    def _decode(self, rest: bytes) -> None:
        """Decode what the gate let through since the last time, and ``rest``."""
        pcm, self._undecoded = self._undecoded + rest, b""
        evidence = self._gate.evidence
        in_pause = not evidence.near_voice(evidence.frames, before=0, after=_PAUSE_FRAMES)
        self._open.feed(pcm)
        self._open.lighten(in_pause=in_pause)
        if self._guided and len(self._answer) <= LONGEST_ANSWER_BYTES:
            self._answer += pcm


class Worker:
    """Reads frames in one thread, decodes in another."""

    def __init__(self, model_dir: str, sink: BinaryIO) -> None:
        vosk.SetLogLevel(-1)
        self._model = vosk.Model(model_dir)
        self._grammars = Grammars(self._model, Path(model_dir))
        self._sessions: dict[int, Session] = {}
        self._sink = sink
        self._writing = threading.Lock()
        self._queue = WorkQueue()
        self._step = 0
        """Counts what the decoding thread begins and ends: odd while something is in hand."""
        self._allowed_s = SLOW_STEP_S
        """How long what is in hand may take."""
        self._slow_step_s = SLOW_STEP_S
        self._watched = (0, 0.0)
        self._clock = FairClock(os.getpid())

    def run(self, source: BinaryIO) -> None:
        began = time.monotonic()
        Session(self._model, self._grammars).rehearse()
        self._slow_step_s = min(SLOW_STEP_S, max(_LEAST_SLOW_STEP_S, _SLOW_STEP_TIMES * (time.monotonic() - began)))
        self._send(Kind.READY, 0, {"model": "vosk"})
        decoding = threading.Thread(target=self._decode, name="decode", daemon=True)
        decoding.start()
        while (frame := read_frame_blocking(source)) is not None:
            if frame.kind is not Kind.PING:
                self._queue.put(frame)
            else:
                stuck = self._stuck() or not decoding.is_alive()
                self._send(Kind.STUCK if stuck else Kind.PONG, frame.id)
        self._queue.end()
        decoding.join(1.0)

    def _stuck(self) -> bool:
        """Whether one step has been in hand for too long; asked at every ping."""
        step, seconds = self._watched
        passed = self._clock.seconds()
        self._clock.restart()
        self._watched = (self._step, seconds + passed if step == self._step else 0.0)
        return self._step % 2 == 1 and self._watched[1] > self._allowed_s

    def _send(self, kind: Kind, id: int, payload: bytes | Mapping[str, object] = b"") -> None:
        with self._writing:
            self._sink.write(pack(kind, id, payload))
            self._sink.flush()

    def _decode(self) -> None:
        while (frame := self._queue.take()) is not None:
            self._handle(frame)

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        self._allowed_s = seconds
        self._step += 1
        try:
            yield
        finally:
            self._step += 1

    def _handle(self, frame: PipeFrame) -> None:
        if frame.kind is Kind.CLOSE:
            self._sessions.pop(frame.id, None)
            return
        if frame.kind is Kind.AUDIO:
            for start in range(0, len(frame.payload), MOST_BYTES):
                session = self._session(frame.id)
                with self._within(SLOW_STEP_S if session.dear else STUCK_S):
                    words = session.feed(frame.payload[start : start + MOST_BYTES])
                if words is not None:
                    self._send(Kind.PARTIAL, frame.id, {"text": words})
            return
        with self._within(self._slow_step_s):
            if frame.kind is Kind.OPEN:
                self._session(frame.id).begin(frame.json().get("hints"))
            elif frame.kind is Kind.FINISH:
                self._send(Kind.RESULT, frame.id, self._session(frame.id).finish())

    def _session(self, id: int) -> Session:
        if id not in self._sessions:
            self._sessions[id] = Session(self._model, self._grammars)
        return self._sessions[id]


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not reach the frames
    Worker(sys.argv[1], sink).run(source)
    sink.flush()
    os._exit(0)  # Vosk's destructors have been seen to crash on the way out


if __name__ == "__main__":
    main()
