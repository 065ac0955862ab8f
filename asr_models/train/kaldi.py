"""The trained network as Kaldi's binary ``final.mdl`` (transition model and nnet3), written without Kaldi."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from asr_models.train.features import BINS, CONFIGURATION
from asr_models.train.network import CONTEXT, HIDDEN, OFFSETS, SUBSAMPLING, Network
from asr_models.train.phones import OUTPUT_COUNT, OUTPUTS, PHONE_IDS, POSITIONS, SILENCE

DECODING: Final = f"""--min-active=200
--max-active=4000
--beam=12.0
--lattice-beam=5.0
--acoustic-scale=0.65
--frame-subsampling-factor={SUBSAMPLING}
--endpoint.silence-phones=1
--endpoint.rule1.min-trailing-silence=30
--endpoint.rule2.min-trailing-silence=10
--endpoint.rule3.min-trailing-silence=10
--endpoint.rule4.min-trailing-silence=10
--endpoint.rule5.min-utterance-length=60
"""
"""Vosk ends no utterance by itself here: the ivr node decides where a turn ends."""

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
    return name if name == SILENCE else name[:-2]


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


def _layers(network: Network) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases layer by layer, each taking in the scaling (input or batch norm) that comes before it."""
    deviation, mean = network.deviation.numpy(), network.mean.numpy()
    scale, shift = 1 / deviation, -mean / deviation
    layers = []
    for layer, norm in [*zip(network.layers, network.norms, strict=True), (network.output, None)]:
        weights, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        frames = range(weights.shape[2])
        layers.append(
            (
                np.concatenate([weights[:, :, frame] * scale[None] for frame in frames], 1),
                bias + sum(weights[:, :, frame] @ shift for frame in frames),
            )
        )
        if norm is not None:
            scale = norm.weight.detach().numpy() / np.sqrt(norm.running_var.numpy() + norm.eps)
            shift = norm.bias.detach().numpy() - norm.running_mean.numpy() * scale
    return layers


def _network(network: Network, priors: np.ndarray) -> bytes:
    lines = [f"input-node name=input dim={BINS}"]
    components: list[tuple[str, bytes]] = []
    before = "input"

    def node(name: str, source: str, body: bytes) -> None:
        lines.append(f"component-node name={name} component={name} input={source}")
        components.append((name, body))

    *hidden, (weights, bias) = _layers(network)
    for number, ((layer_weights, layer_bias), offsets) in enumerate(zip(hidden, OFFSETS, strict=True), 1):
        parts = ", ".join(before if offset == 0 else f"Offset({before}, {offset})" for offset in offsets)
        node(f"tdnn{number}.affine", f"Append({parts})", _affine(layer_weights, layer_bias))
        node(f"tdnn{number}.relu", f"tdnn{number}.affine", _nonlinear("RectifiedLinearComponent", HIDDEN))
        before = f"tdnn{number}.relu"
    node("output.affine", before, _affine(weights, bias))
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
        + _vector(priors)
    )


def write_model(network: Network, priors: np.ndarray, folder: Path) -> None:
    """``am/final.mdl``, ``conf/`` and ``graph/phones/word_boundary.int`` of a Vosk model in ``folder``."""
    for name in ("am", "conf", "graph/phones"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    network.eval()
    (folder / "am/final.mdl").write_bytes(b"\0B" + _transition_model() + _network(network, priors))
    (folder / "conf/fbank.conf").write_text(CONFIGURATION, encoding="ascii")
    (folder / "conf/model.conf").write_text(DECODING, encoding="ascii")
    names = dict(zip(POSITIONS, ("begin", "internal", "end", "singleton"), strict=True))
    boundaries = ["1 nonword"] + [
        f"{number} {names[name[-2:]]}" for name, number in PHONE_IDS.items() if name != SILENCE
    ]
    (folder / "graph/phones/word_boundary.int").write_text("\n".join(boundaries) + "\n", encoding="ascii")
