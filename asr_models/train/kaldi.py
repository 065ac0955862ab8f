"""The trained network as Kaldi's binary ``final.mdl`` (transition model and nnet3), written without Kaldi."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from torch.nn import Conv1d

from asr_models.train import pitch
from asr_models.train.features import BINS, CONFIGURATION, DIMENSIONS
from asr_models.train.network import CONTEXT, OFFSETS, SUBSAMPLING, Delays, Network, ToneNetwork
from asr_models.train.phones import NO_WORDS, OUTPUT_COUNT, OUTPUTS, PHONE_IDS, POSITIONS, STATE_OF, TONE_OF

DECODING: Final = f"""--min-active=200
--max-active=1500
--beam=9.0
--lattice-beam=1.0
--acoustic-scale=0.5
--frame-subsampling-factor={SUBSAMPLING}
--frames-per-chunk=9
--endpoint.silence-phones=1
--endpoint.rule1.min-trailing-silence=30
--endpoint.rule2.min-trailing-silence=10
--endpoint.rule3.min-trailing-silence=10
--endpoint.rule4.min-trailing-silence=10
--endpoint.rule5.min-utterance-length=60
"""
"""Vosk ends no utterance by itself here: the ivr node decides where a turn ends. Chunks of 90 ms: with Kaldi's default the first
words come 100 ms later (median of 100 utterances); it takes 2 to 6 % of the processor time more."""

TONE_WEIGHT: Final = 0.6
"""What the tone network's judgement counts beside that of the network of sounds; chosen on the development sentences."""
_STAY = 0.5
_STATE_COUNT: Final = {phone: len(states) for phone, states in OUTPUTS.items()}


def _token(text: str) -> bytes:
    return text.encode() + b" "


def _int(value: int) -> bytes:
    return b"\4" + struct.pack("<i", value)


def _float(value: float) -> bytes:
    return b"\4" + struct.pack("<f", value)


def _double(value: float) -> bytes:
    return b"\x08" + struct.pack("<d", value)


def _ints(values: Sequence[int]) -> bytes:
    return b"\4" + struct.pack("<i", len(values)) + struct.pack(f"<{len(values)}i", *values)


def _vector(values: Iterable[float] | np.ndarray) -> bytes:
    array = np.asarray(values, "<f4")
    return _token("FV") + _int(len(array)) + array.tobytes()


def _matrix(values: np.ndarray) -> bytes:
    """Kaldi's two-byte compressed matrix: every value in 65,536 steps between the least and the greatest."""
    least = float(values.min())
    span = max(float(values.max()) - least, 1e-12)
    steps = np.rint((values - least) * (65535 / span)).astype("<u2")
    return _token("CM2") + struct.pack("<ffii", least, span, *values.shape) + steps.tobytes()


def _base(name: str) -> str:
    return name if name in NO_WORDS else name[:-2]


def _triples() -> list[tuple[int, int, int]]:
    """(phone id, state, output) of every state, in Kaldi's order."""
    return sorted(
        (number, state, output)
        for name, number in PHONE_IDS.items()
        for state, output in enumerate(OUTPUTS[_base(name)])
    )


def transition_ids() -> dict[tuple[int, int], tuple[int, int]]:
    """Kaldi's transition ids (stay, go on) of each (phone id, state)."""
    return {(phone, state): (2 * index + 1, 2 * index + 2) for index, (phone, state, _) in enumerate(_triples())}


def _transition_model() -> bytes:
    phones = sorted(PHONE_IDS.values())
    entry = [-1] * (max(phones) + 1)
    for name, number in PHONE_IDS.items():
        entry[number] = _STATE_COUNT[_base(name)] - 1

    def topology(states: int) -> bytes:
        body = _int(states + 1)
        for state in range(states):
            body += _int(state) + _int(2) + _int(state) + _float(_STAY) + _int(state + 1) + _float(1 - _STAY)
        return body + _int(-1) + _int(0)

    triples = _triples()
    written = b"".join(_int(phone) + _int(state) + _int(output) for phone, state, output in triples)
    return (
        _token("<TransitionModel>")
        + _token("<Topology>")
        + _ints(phones)
        + _ints(entry)
        + _int(2)
        + topology(1)
        + topology(2)
        + _token("</Topology>")
        + _token("<Triples>")
        + _int(len(triples))
        + written
        + _token("</Triples>")
        + _token("<LogProbs>")
        + _vector([0.0] + [float(np.log(_STAY))] * (2 * len(triples)))
        + _token("</LogProbs>")
        + _token("</TransitionModel>")
    )


def _affine(weights: np.ndarray, bias: np.ndarray) -> bytes:
    return (
        _token("<AffineComponent>")
        + _token("<LearningRate>")
        + _float(0.001)
        + _token("<LinearParams>")
        + _matrix(weights)
        + _token("<BiasParams>")
        + _vector(bias)
        + _token("</AffineComponent>")
    )


def _nonlinear(kind: str, size: int) -> bytes:
    body = _token(f"<{kind}>") + _token("<Dim>") + _int(size)
    for statistics in ("<ValueAvg>", "<DerivAvg>"):
        body += _token(statistics) + _vector([])
    for count in ("<Count>", "<NumDimsSelfRepaired>", "<NumDimsProcessed>"):
        body += _token(count) + _double(0)
    return body + _token(f"</{kind}>")


Layer = tuple[np.ndarray, np.ndarray]
"""Weights (outputs × inputs, the inputs of one frame after those of another) and biases."""


def _layers(stack: Delays, columns: slice) -> tuple[list[Layer], Layer]:
    """The layers of ``stack``, each taking in the scaling (input or batch norm) that comes before it, and the last scaling.

    ``columns``: which of the input's features the stack sees; it gets all, and weighs the others with nothing.
    """
    deviation, mean = stack.deviation.numpy(), stack.mean.numpy()
    scale, shift = 1 / deviation, -mean / deviation
    layers: list[Layer] = []
    for layer, norm in zip(stack.layers, stack.norms, strict=True):
        weights, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        frames = range(weights.shape[2])
        parts = [weights[:, :, frame] * scale[None] for frame in frames]
        if not layers:
            wide = [np.zeros((len(weights), DIMENSIONS), np.float32) for _ in frames]
            for whole, part in zip(wide, parts, strict=True):
                whole[:, columns] = part
            parts = wide
        layers.append((np.concatenate(parts, 1), bias + sum(weights[:, :, frame] @ shift for frame in frames)))
        scale = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
        shift = norm.bias.detach().numpy() - norm.running_mean.numpy() * scale
    return layers, (scale, shift)


@dataclass(frozen=True, slots=True)
class Acoustics:
    """Both networks with the shares of their outputs in the training speech."""

    sounds: Network
    sound_priors: np.ndarray
    tones: ToneNetwork
    tone_priors: np.ndarray

    def priors(self) -> np.ndarray:
        """What each output's score is to be divided by."""
        return self.sound_priors[list(STATE_OF)] * self.tone_priors[list(TONE_OF)] ** TONE_WEIGHT


def _head(output: Conv1d, chosen: Sequence[int], weight: float, scaling: Layer) -> Layer:
    """Rows ``chosen`` of a network's last layer, ``weight`` times, over its hidden units before their scaling."""
    weights = weight * output.weight.detach().numpy()[list(chosen), :, 0]
    bias = weight * output.bias.detach().numpy()[list(chosen)]
    return weights * scaling[0][None], bias + weights @ scaling[1]


def _output(acoustics: Acoustics, sounds: Layer, tones: Layer) -> Layer:
    """The last layer over both networks' hidden units: each output's score is its state's plus its tone's."""
    states = _head(acoustics.sounds.output, STATE_OF, 1.0, sounds)
    classes = _head(acoustics.tones.output, TONE_OF, TONE_WEIGHT, tones)
    return np.concatenate([states[0], classes[0]], 1), states[1] + classes[1]


def _network(acoustics: Acoustics) -> bytes:
    lines = [f"input-node name=input dim={DIMENSIONS}"]
    components: list[tuple[str, bytes]] = []

    def node(name: str, source: str, body: bytes) -> None:
        lines.append(f"component-node name={name} component={name} input={source}")
        components.append((name, body))

    def stack(prefix: str, layers: list[Layer]) -> str:
        before = "input"
        for number, ((weights, bias), offsets) in enumerate(zip(layers, OFFSETS, strict=True), 1):
            parts = ", ".join(before if offset == 0 else f"Offset({before}, {offset})" for offset in offsets)
            node(f"{prefix}{number}.affine", f"Append({parts})", _affine(weights, bias))
            node(
                f"{prefix}{number}.relu", f"{prefix}{number}.affine", _nonlinear("RectifiedLinearComponent", len(bias))
            )
            before = f"{prefix}{number}.relu"
        return before

    sound_layers, sound_scaling = _layers(acoustics.sounds, slice(0, BINS))
    tone_layers, tone_scaling = _layers(acoustics.tones, slice(BINS, DIMENSIONS))
    heard = f"Append({stack('tdnn', sound_layers)}, {stack('tone', tone_layers)})"
    node("output.affine", heard, _affine(*_output(acoustics, sound_scaling, tone_scaling)))
    node("output.log-softmax", "output.affine", _nonlinear("LogSoftmaxComponent", OUTPUT_COUNT))
    lines.append("output-node name=output input=output.log-softmax objective=linear")
    body = _token("<Nnet3>") + b"\n" + "\n".join(lines).encode() + b"\n\n"
    body += _token("<NumComponents>") + _int(len(components))
    for name, component in components:
        body += _token("<ComponentName>") + _token(name) + component
    return (
        body
        + _token("</Nnet3>")
        + _token("<LeftContext>")
        + _int(CONTEXT)
        + _token("<RightContext>")
        + _int(CONTEXT)
        + _token("<Priors>")
        + _vector(acoustics.priors())
    )


def write_model(acoustics: Acoustics, folder: Path) -> None:
    """``am/final.mdl``, ``conf/`` and ``graph/phones/word_boundary.int`` of a Vosk model in ``folder``."""
    for name in ("am", "conf", "graph/phones"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    acoustics.sounds.eval()
    acoustics.tones.eval()
    (folder / "am/final.mdl").write_bytes(b"\0B" + _transition_model() + _network(acoustics))
    (folder / "conf/fbank.conf").write_text(CONFIGURATION, encoding="ascii")
    (folder / "conf/pitch.conf").write_text(pitch.CONFIGURATION, encoding="ascii")
    (folder / "conf/model.conf").write_text(DECODING, encoding="ascii")
    names = dict(zip(POSITIONS, ("begin", "internal", "end", "singleton"), strict=True))
    boundaries = [
        f"{number} {'nonword' if name in NO_WORDS else names[name[-2:]]}" for name, number in PHONE_IDS.items()
    ]
    (folder / "graph/phones/word_boundary.int").write_text("\n".join(boundaries) + "\n", encoding="ascii")
