"""Patch-skipping inference for video: recompute only what changed since the last frame.

model = patchskip.load("yolox.patchskip.onnx", threads=2)
stream = model.stream()
out = stream.infer({"images": tensor})
"""

from patchskip.runtime.errors import PatchskipError

__version__ = "0.1.0"
__all__ = ["PatchskipError", "__version__", "load", "open_source"]


# Functions, not names imported from below: Python 3.6 has no module __getattr__, and importing patchskip stays cheap.


def load(path, threads=None):
    """Open a model made by `patchskip export`: see `patchskip.runtime.model.load`."""
    from patchskip.runtime import model

    return model.load(path, threads)


def open_source(spec):
    """Open a video, a folder of images, a camera or `synthetic://`: see `patchskip.runtime.sources.open_source`."""
    from patchskip.runtime import sources

    return sources.open_source(spec)
