"""The frames of a clip that a training, or the trial of what it made, looks at."""

from __future__ import annotations

import numpy as np

from patchskip.export.frames import Fit
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.sources import Source
from patchskip.training.sequences import fitted, recorded

LEAST = 2


def read(spec: str, part: tuple[int, int], fit: Fit, folder: str, quiet: bool) -> tuple[Source, np.ndarray]:
    """-> the source; its frames `part` (from 0; the first and the one behind the last) as `fit` makes them, uint8 BGR
    [count, H, W, 3], in a file without a name in `folder`. Raises PatchskipError when they are not there.
    """
    first, last = part
    if not 0 <= first < last or last - first < LEAST:
        raise PatchskipError(
            f"the frames {first}:{last} are too few; give the first, from 0, and {LEAST} more or later"
        )
    source = recorded(spec)
    frames = fitted(source, fit, first, last, folder, quiet)
    if len(frames) < last - first:
        raise PatchskipError(f"{spec} ends at frame {first + len(frames)}, before {last}; give frames that it has")
    return source, frames
