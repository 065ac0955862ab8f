"""Pitch features as Vosk computes them from ``conf/pitch.conf``: by its own library, so that training sees what recognition sees.

Four numbers a frame: probability of voicing, log pitch less its recent mean, its change, and log pitch itself.
"""

import ctypes
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import vosk
from numpy.typing import NDArray

from asr_models.telephone import RATE

PITCH_DIMENSIONS: Final = 4
_LEFT_CONTEXT: Final = 100
_HIGHEST_HZ: Final = 450
CONFIGURATION: Final = f"""--sample-frequency={RATE}
--max-f0={_HIGHEST_HZ}
--normalization-left-context={_LEFT_CONTEXT}
--normalization-right-context=0
--add-raw-log-pitch=true
"""
"""No right context: a frame's features do not depend on how much of the call has arrived by then."""
_OBJECT_BYTES: Final = 1024


class _Extraction(ctypes.Structure):
    """Kaldi's ``PitchExtractionOptions``."""

    _fields_ = (
        *((name, ctypes.c_float) for name in (
            "samp_freq", "frame_shift_ms", "frame_length_ms", "preemph_coeff", "min_f0", "max_f0", "soft_min_f0",
            "penalty_factor", "lowpass_cutoff", "resample_freq", "delta_pitch", "nccf_ballast",
        )),
        *((name, ctypes.c_int) for name in (
            "lowpass_filter_width", "upsample_filter_width", "max_frames_latency", "frames_per_chunk",
        )),
        ("simulate_first_pass_online", ctypes.c_bool),
        ("recompute_frame", ctypes.c_int),
        ("nccf_ballast_online", ctypes.c_bool),
        ("snip_edges", ctypes.c_bool),
    )  # fmt: skip


class _Processing(ctypes.Structure):
    """Kaldi's ``ProcessPitchOptions``."""

    _fields_ = (
        *((name, ctypes.c_float) for name in (
            "pitch_scale", "pov_scale", "pov_offset", "delta_pitch_scale", "delta_pitch_noise_stddev",
        )),
        *((name, ctypes.c_int) for name in ("left_context", "right_context", "delta_window", "delay")),
        *((name, ctypes.c_bool) for name in ("add_pov", "add_normalized", "add_delta", "add_raw")),
    )  # fmt: skip


class _Vector(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("dim", ctypes.c_int))


_EXTRACTION: Final = _Extraction(
    RATE, 10, 25, 0, 50, _HIGHEST_HZ, 10, 0.1, 1000, 4000, 0.005, 7000, 1, 5, 0, 0, False, 500, False, True
)
_PROCESSING: Final = _Processing(2, 2, 0, 10, 0.005, _LEFT_CONTEXT, 0, 2, 0, True, True, True, True)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(next(Path(vosk.__file__).parent.glob("libvosk.*"))))


def _call(name: str, *arguments: object) -> int:
    return int(getattr(_library(), f"_ZN{name}")(*arguments))


def _frames(
    source: ctypes.Array[ctypes.c_char], process: ctypes.Array[ctypes.c_char], first: int
) -> Iterator[np.ndarray]:
    ready = _call("K5kaldi18OnlineProcessPitch14NumFramesReadyEv", process)
    for index in range(first, ready):
        row = np.zeros(PITCH_DIMENSIONS, np.float32)
        _call("5kaldi18OnlineProcessPitch8GetFrameEiPNS_10VectorBaseIfEE", process, index, ctypes.byref(_vector(row)))
        yield row


def _vector(values: NDArray[np.float32]) -> _Vector:
    return _Vector(values.ctypes.data, len(values))


def pitch(signal: NDArray[np.float64], chunk: int) -> NDArray[np.float32]:
    """Frames × ``PITCH_DIMENSIONS`` of an 8 kHz signal on the int16 scale that arrives ``chunk`` samples at a time."""
    source, process = (ctypes.create_string_buffer(_OBJECT_BYTES) for _ in range(2))
    _call("5kaldi18OnlinePitchFeatureC1ERKNS_22PitchExtractionOptionsE", source, ctypes.byref(_EXTRACTION))
    _call(
        "5kaldi18OnlineProcessPitchC1ERKNS_19ProcessPitchOptionsEPNS_22OnlineFeatureInterfaceE",
        process,
        ctypes.byref(_PROCESSING),
        source,
    )
    rows: list[np.ndarray] = []
    samples = signal.astype(np.float32)
    accept = _library()._ZN5kaldi18OnlinePitchFeature14AcceptWaveformEfRKNS_10VectorBaseIfEE
    for start in range(0, len(samples), chunk):
        part = np.ascontiguousarray(samples[start : start + chunk])
        accept(source, ctypes.c_float(RATE), ctypes.byref(_vector(part)))
        rows += _frames(source, process, len(rows))
    _call("5kaldi18OnlinePitchFeature13InputFinishedEv", source)
    rows += _frames(source, process, len(rows))
    _call("5kaldi18OnlineProcessPitchD1Ev", process)
    _call("5kaldi18OnlinePitchFeatureD1Ev", source)
    return np.stack(rows) if rows else np.zeros((0, PITCH_DIMENSIONS), np.float32)
