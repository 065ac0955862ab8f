"""Features as Vosk will compute them from ``conf/fbank.conf`` and ``conf/pitch.conf``: log mel energies, then pitch."""

from typing import Final

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

from asr_models.telephone import RATE
from asr_models.train.pitch import PITCH_DIMENSIONS, pitch

BINS: Final = 64
"""Narrow enough for the lower harmonics of a voice to stand apart, which is how tones are told."""
DIMENSIONS: Final = BINS + PITCH_DIMENSIONS
LOW_HZ: Final = 60
HIGH_HZ: Final = 3800
FRAME_SHIFT: Final = RATE // 100
WINDOW_MS: Final = 32
FRAME_MIDDLE: Final = RATE * WINDOW_MS // 2000
"""Half a window, in samples."""

CONFIGURATION: Final = f"""--sample-frequency={RATE}
--frame-length={WINDOW_MS}
--num-mel-bins={BINS}
--low-freq={LOW_HZ}
--high-freq={HIGH_HZ}
--dither=0
--use-energy=false
--allow-upsample=true
--allow-downsample=true
"""


def filter_bank(signal: NDArray[np.float64]) -> NDArray[np.float32]:
    """Log mel energies, frames × ``BINS``, of an 8 kHz signal on the int16 scale."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0
    options.frame_opts.frame_length_ms = WINDOW_MS
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = BINS
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = HIGH_HZ
    options.use_energy = False
    extractor = kaldi_native_fbank.OnlineFbank(options)
    extractor.accept_waveform(RATE, signal.astype(np.float32).tolist())
    extractor.input_finished()
    frames = [extractor.get_frame(index) for index in range(extractor.num_frames_ready)]
    return np.stack(frames).astype(np.float32) if frames else np.zeros((0, BINS), np.float32)


def features(signal: NDArray[np.float64], chunk: int) -> NDArray[np.float32]:
    """Frames × ``DIMENSIONS`` of an 8 kHz signal on the int16 scale; ``chunk``: how many samples arrive at a time."""
    energies, pitches = filter_bank(signal), pitch(signal, chunk)
    frames = min(len(energies), len(pitches))
    return np.concatenate([energies[:frames], pitches[:frames]], 1)
