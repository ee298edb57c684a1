"""Gates at more layers than a model has, and other patches: from the network that it was exported from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.model import frame_size, picture_size

from .. import loading
from ..analysis import Analysis, analyse
from ..gate_file import Gate

LEAST = 0.01  # share of the multiplications that a gate must be able to stop
_BEGIN = 0.5  # thresholds of new gates: so much of the share of the means that the others have
_SHARE = 0.1  # that share, when there are no others


def place(
    path: str, model, gates: Mapping[str, Gate], patch: int | None, frames: Iterable[np.ndarray]
) -> onnx.ModelProto:
    """`model` with `gates` again, and with gates at all layers that can stop LEAST of the network's work.

    path: the network. patch: side in the picture's pixels, the model's if None. frames: uint8 BGR,
    from which the layers' magnitudes are taken. Raises PatchskipError when the model was made of another network.
    """
    metadata = model.metadata
    digest = metadata.get("source_sha256")
    if digest and digest != loading.sha256(path):
        raise PatchskipError(f"{model.path} was exported from another file than {path}; give that one, or export again")
    if metadata.get("finetuned"):
        raise PatchskipError(f"{model.path} has other weights than {path}; calibrate first, and finetune the result")
    if "halo" not in metadata:
        raise PatchskipError(f"{model.path} does not say its halo; export it again with this version")
    entry = model.inputs[0]
    kept = {key: metadata[key] for key in ("source_sha256",) if key in metadata}
    analysis = analyse(
        loading.load(path),
        input_size=picture_size(entry),
        frame_size=frame_size(entry) if "picture" in entry else None,
        patch=patch or metadata["patch"],
        halo=metadata["halo"],
        input="u8" if entry["dtype"] == "uint8" else "float",
        weights=metadata.get("weights", "float32"),
        preset=metadata.get("preset") or "auto",
        name=path,
        metadata=kept,
    )
    return analysis.emit({**_fitting(analysis, gates, model.path), **_more(analysis, gates, frames)})


def _fitting(analysis: Analysis, gates: Mapping[str, Gate], name: str) -> dict[str, Gate]:
    """The gates, with cells that divide the patches there are now."""
    sizes = {entry.tensor: (entry.shape[2], entry.shape[3]) for entry in analysis.entries}
    sizes.update({layer.name: layer.size for layer in analysis.candidates()})
    missing = [key for key in gates if key not in sizes]
    if missing:
        raise PatchskipError(f"{name} has a gate at {missing[0]}, which the network has not; give the one it came from")
    return {key: gate.on(analysis.patch_of(sizes[key])) for key, gate in gates.items()}


def _more(analysis: Analysis, gates: Mapping[str, Gate], frames: Iterable[np.ndarray]) -> dict[str, Gate]:
    """New gates, all with the same share of the means: _BEGIN times the median of the layers that have one."""
    pictures = {entry.tensor for entry in analysis.entries}
    means = {
        name: gate.threshold
        for name, gate in analysis.relative_gates(1.0, frames, LEAST).items()
        if name not in pictures and gate.threshold > 0
    }
    shares = [gates[name].threshold / mean for name, mean in means.items() if name in gates]
    share = _BEGIN * float(np.median(shares or [_SHARE]))
    return {name: Gate(share * mean) for name, mean in means.items() if name not in gates}
