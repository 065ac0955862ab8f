"""Many short texts in two arrays: on disk they take their characters and nothing else, and each is read by itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from knowledge.kinds import Offsets

Units = npt.NDArray[np.uint16]
_CODING: Final = "utf-16-le"
_UNIT_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Strings:
    """``units[starts[n]:starts[n+1]]``: the UTF-16 code units of the ``n``-th text."""

    units: Units
    starts: Offsets

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> str:
        return self.units[self.starts[number] : self.starts[number + 1]].tobytes().decode(_CODING)


def packed(texts: Iterable[str]) -> Strings:
    """The texts one after the other."""
    coded = [text.encode(_CODING) for text in texts]
    starts = np.zeros(len(coded) + 1, np.int64)
    np.cumsum(np.fromiter((len(one) // _UNIT_BYTES for one in coded), np.int64, len(coded)), out=starts[1:])
    return Strings(np.frombuffer(b"".join(coded), np.uint16), starts)
