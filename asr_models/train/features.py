"""Filter-bank features as Vosk will compute them from ``conf/fbank.conf``."""

from typing import Final

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

from asr_models.telephone import RATE

BINS: Final = 40
LOW_HZ: Final = 100
HIGH_HZ: Final = 3800
FRAME_SHIFT: Final = RATE // 100
FRAME_MIDDLE: Final = RATE // 80
"""Half a 25 ms window, in samples."""

CONFIGURATION: Final = f"""--sample-frequency={RATE}
--num-mel-bins={BINS}
--low-freq={LOW_HZ}
--high-freq={HIGH_HZ}
--dither=0
--use-energy=false
--allow-upsample=true
--allow-downsample=true
"""


def filter_bank(signal: NDArray[np.float64]) -> NDArray[np.float32]:
    """Log mel energies, frames × 40, of an 8 kHz signal on the int16 scale."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0
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
