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
from asr_models.train.phones import OUTPUT_COUNT

OFFSETS: Final = ((-2, -1, 0, 1, 2), (-1, 0, 1), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3), (-3, 0, 3))
"""Which frames each layer looks at. From the second layer on only every third frame is computed (Kaldi's subsampling 3)."""
CONTEXT: Final = sum(layer[-1] for layer in OFFSETS)
"""Frames that the network sees on either side of the one it judges."""
SUBSAMPLING: Final = 3
HIDDEN: Final = 288

_WINDOW: Final = 180
_BATCH: Final = 48
_PEAK_RATE: Final = 2e-3
_FLOOR_RATE: Final = 2e-5
_WARM_UP: Final = 100
_CHECKPOINT_STEPS: Final = 100


class Network(nn.Module):
    """40 log mel energies a frame → one score for each output, every third frame."""

    def __init__(self, hidden: int = HIDDEN) -> None:
        super().__init__()
        shapes = [(BINS, 5, 1), (hidden, 3, SUBSAMPLING), *[(hidden, 3, 1)] * 4]
        self.layers = nn.ModuleList(nn.Conv1d(width, hidden, size, stride=stride) for width, size, stride in shapes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in shapes)
        self.output = nn.Conv1d(hidden, OUTPUT_COUNT, 1)
        self.register_buffer("mean", torch.zeros(BINS))
        self.register_buffer("deviation", torch.ones(BINS))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """``features``: batch × 40 × frames."""
        hidden = (features - self.mean[None, :, None]) / self.deviation[None, :, None]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = norm(functional.relu(layer(hidden)))
        return self.output(hidden)


@dataclass(frozen=True, slots=True)
class Speech:
    """All training speech end to end: features (frames × 40) and the output of every frame."""

    features: NDArray[np.float16]
    outputs: NDArray[np.int16]


def load_speech(folder: Path) -> Speech:
    """All shards of ``folder``."""
    shards = [np.load(file) for file in sorted(folder.glob("*.npz")) if ".partial" not in file.name]
    return Speech(
        np.concatenate([shard["features"] for shard in shards]), np.concatenate([shard["outputs"] for shard in shards])
    )


def _batch(speech: Speech, draw: np.random.Generator, blank: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Random windows; half of the batches have a band of bins blanked and their loudness moved."""
    span = _WINDOW + 2 * CONTEXT
    starts = draw.integers(0, len(speech.features) - span, _BATCH)
    features = np.stack([speech.features[start : start + span].T for start in starts]).astype(np.float32)
    wanted = np.stack([speech.outputs[start + CONTEXT : start + CONTEXT + _WINDOW : SUBSAMPLING] for start in starts])
    if draw.random() < 0.5:
        first = int(draw.integers(0, BINS - 6))
        features[:, first : first + int(draw.integers(1, 6))] = blank
        features += draw.uniform(-1, 1, (_BATCH, 1, 1)).astype(np.float32)
    return torch.from_numpy(features), torch.from_numpy(wanted.astype(np.int64))


def _save(file: Path, **content: object) -> None:
    partial = file.with_suffix(".partial")
    torch.save(content, partial)
    os.replace(partial, file)


def train(
    speech: Speech, steps: int, seed: int, checkpoint: Path, start_from: Path | None, report: Callable[[str], None]
) -> dict[str, object]:
    """Train for ``steps``; returns weights and the outputs' priors. Goes on from ``checkpoint`` if it is there.

    ``start_from``: a trained network whose weights are taken at the beginning; otherwise they are random.
    """
    torch.manual_seed(seed)
    network = Network()
    sample = speech.features[::17].astype(np.float32)
    network.mean.copy_(torch.from_numpy(sample.mean(0)))
    network.deviation.copy_(torch.from_numpy(sample.std(0)))
    if start_from is not None:
        network.load_state_dict(torch.load(start_from, weights_only=False)["weights"])
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
        features, wanted = _batch(speech, draw, float(network.mean.mean()))
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
    counts = np.bincount(speech.outputs, minlength=OUTPUT_COUNT) + 1.0
    return {"weights": network.state_dict(), "priors": counts / counts.sum()}
