"""The acoustic network, a small time-delay net, and its training frame by frame."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from asr_models.train.features import BINS
from asr_models.train.phones import STATE_COUNT, STATE_OF, TONE_CLASSES, TONE_OF
from asr_models.train.pitch import PITCH_DIMENSIONS

OFFSETS: Final = ((-2, -1, 0, 1, 2), (-1, 0, 1), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3))
"""Which frames each layer looks at. From the second layer on only every third frame is computed (Kaldi's subsampling 3)."""
CONTEXT: Final = sum(layer[-1] for layer in OFFSETS)
"""Frames that the network sees on either side of the one it judges."""
SUBSAMPLING: Final = 3
HIDDEN: Final = 288
TONE_HIDDEN: Final = 96

_WINDOW: Final = 180
_BATCH: Final = 48
_PEAK_RATE: Final = 2e-3
_FLOOR_RATE: Final = 2e-5
_WARM_UP: Final = 100
_CHECKPOINT_STEPS: Final = 100


class Delays(nn.Module):
    """A stack of time-delay layers over normalised features: batch × ``width`` × frames → batch × ``hidden`` × a third of them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        shapes = [(width, 5, 1), (hidden, 3, SUBSAMPLING), *[(hidden, 3, 1)] * 4]
        self.layers = nn.ModuleList(nn.Conv1d(width, hidden, size, stride=stride) for width, size, stride in shapes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in shapes)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))

    def normalise(self, sample: NDArray[np.float32]) -> None:
        """Take mean and deviation of each feature from ``sample`` (frames × width)."""
        self.mean.copy_(torch.from_numpy(sample.mean(0)))
        self.deviation.copy_(torch.from_numpy(sample.std(0)))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        hidden = (features - self.mean[None, :, None]) / self.deviation[None, :, None]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = norm(functional.relu(layer(hidden)))
        return hidden


class Network(Delays):
    """Log mel energies of a frame → a score for each toneless state, every third frame."""

    def __init__(self) -> None:
        super().__init__(BINS, HIDDEN)
        self.output = nn.Conv1d(HIDDEN, STATE_COUNT, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """``features``: batch × ``BINS`` × frames."""
        scores: torch.Tensor = self.output(super().forward(features))
        return scores


class ToneNetwork(Delays):
    """Pitch of a frame → a score for each tone class, every third frame.

    A net of its own: energies hardly tell tones (a net of both got half of the frames right, this one five in six), and it is
    small and soon trained.
    """

    def __init__(self) -> None:
        super().__init__(PITCH_DIMENSIONS, TONE_HIDDEN)
        self.output = nn.Conv1d(TONE_HIDDEN, TONE_CLASSES, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """``features``: batch × ``PITCH_DIMENSIONS`` × frames."""
        scores: torch.Tensor = self.output(super().forward(features))
        return scores


@dataclass(frozen=True, slots=True)
class Speech:
    """All training speech end to end: features (frames × ``DIMENSIONS``) and the output of every frame."""

    features: NDArray[np.float16]
    outputs: NDArray[np.int16]


def load_speech(folder: Path) -> Speech:
    """All shards of ``folder``."""
    shards = [np.load(file) for file in sorted(folder.glob("*.npz")) if ".partial" not in file.name]
    return Speech(
        np.concatenate([shard["features"] for shard in shards]), np.concatenate([shard["outputs"] for shard in shards])
    )


Batch = tuple[torch.Tensor, torch.Tensor]


def _windows(
    speech: Speech, draw: np.random.Generator, columns: slice
) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
    """Random windows of some feature columns (batch × columns × frames) and the outputs wanted at their middles."""
    span = _WINDOW + 2 * CONTEXT
    starts = draw.integers(0, len(speech.features) - span, _BATCH)
    features = np.stack([speech.features[start : start + span, columns].T for start in starts]).astype(np.float32)
    wanted = np.stack([speech.outputs[start + CONTEXT : start + CONTEXT + _WINDOW : SUBSAMPLING] for start in starts])
    return features, wanted


def _sounds(speech: Speech, draw: np.random.Generator, blank: float) -> Batch:
    """Energies with their states; half of the batches have a band of bins blanked and their loudness moved."""
    features, wanted = _windows(speech, draw, slice(0, BINS))
    if draw.random() < 0.5:
        first = int(draw.integers(0, BINS - 6))
        features[:, first : first + int(draw.integers(1, 6))] = blank
        features += draw.uniform(-1, 1, (_BATCH, 1, 1)).astype(np.float32)
    return torch.from_numpy(features), torch.from_numpy(np.asarray(STATE_OF)[wanted])


def _tunes(speech: Speech, draw: np.random.Generator) -> Batch:
    """Pitch with its tone classes."""
    features, wanted = _windows(speech, draw, slice(BINS, BINS + PITCH_DIMENSIONS))
    return torch.from_numpy(features), torch.from_numpy(np.asarray(TONE_OF)[wanted])


def _save(file: Path, **content: object) -> None:
    partial = file.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, file)


def _fit(
    network: nn.Module,
    batch: Callable[[np.random.Generator], Batch],
    steps: int,
    seed: int,
    checkpoint: Path,
    report: Callable[[str], None],
) -> None:
    """Train ``network`` for ``steps``, the rate falling to nothing; goes on from ``checkpoint`` if it is there."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=_PEAK_RATE, weight_decay=1e-2)
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False)
        network.load_state_dict(saved["weights"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    draw = np.random.default_rng([seed, first])
    losses, hits = [], []
    for step in range(first, steps):
        for group in optimiser.param_groups:
            group["lr"] = _PEAK_RATE * min(1.0, step / _WARM_UP) * (1 - step / steps) + _FLOOR_RATE
        features, wanted = batch(draw)
        scores = network(features)[:, :, : wanted.shape[1]]
        loss = functional.cross_entropy(scores, wanted, label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5)
        optimiser.step()
        losses.append(loss.item())
        hits.append((scores.argmax(1) == wanted).float().mean().item())
        if (step + 1) % _CHECKPOINT_STEPS == 0:
            recent = slice(-_CHECKPOINT_STEPS, None)
            report(
                f"第 {step + 1}/{steps} 步，损失 {np.mean(losses[recent]):.3f}，逐帧正确率 {np.mean(hits[recent]):.3f}"
            )
            _save(checkpoint, weights=network.state_dict(), optimiser=optimiser.state_dict(), step=step + 1)


def _priors(numbers: NDArray[np.integer], count: int) -> NDArray[np.float64]:
    counts = np.bincount(numbers, minlength=count) + 1.0
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def train(
    speech: Speech, steps: int, seed: int, checkpoint: Path, start_from: Path | None, report: Callable[[str], None]
) -> dict[str, object]:
    """Train the network of sounds for ``steps``; returns weights and the states' priors.

    ``start_from``: a trained network whose weights are taken at the beginning; otherwise they are random.
    """
    torch.manual_seed(seed)
    network = Network()
    network.normalise(speech.features[::17, :BINS].astype(np.float32))
    if start_from is not None:
        network.load_state_dict(torch.load(start_from, weights_only=False)["weights"])
    blank = float(network.mean.mean())
    _fit(network, lambda draw: _sounds(speech, draw, blank), steps, seed, checkpoint, report)
    return {"weights": network.state_dict(), "priors": _priors(np.asarray(STATE_OF)[speech.outputs], STATE_COUNT)}


def train_tones(
    speech: Speech, steps: int, seed: int, checkpoint: Path, report: Callable[[str], None]
) -> dict[str, object]:
    """Train the network of tones; returns weights and the tone classes' priors."""
    torch.manual_seed(seed)
    network = ToneNetwork()
    network.normalise(speech.features[::17, BINS:].astype(np.float32))
    _fit(network, lambda draw: _tunes(speech, draw), steps, seed, checkpoint, report)
    classes = np.asarray(TONE_OF)[speech.outputs]
    return {"weights": network.state_dict(), "priors": _priors(classes, TONE_CLASSES)}
