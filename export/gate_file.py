"""Files of gates: what calibration and training write, and `patchskip export --gates` reads.

An .npz of arrays by the name of a layer, or of the picture's tensor: NAME is the threshold, NAME.cell the side of its
cells in pixels of that tensor, NAME.weights a float32 for each of its channels. The last two may be missing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_path

_CELL, _WEIGHTS = ".cell", ".weights"


@dataclass(frozen=True, eq=False)
class Gate:
    """From which change on a patch is passed on: docs/op-spec.md, PatchGate and PatchSkip.

    threshold: absolute; 0 at a layer: no gate. cell: side in pixels, None for the default (gates.default_cell).
    weights: float32 [C], of each channel's change; None: all of them count alike.
    """

    threshold: float
    cell: int | None = None
    weights: np.ndarray | None = None


def read(path: str) -> dict[str, Gate]:
    """-> the gates by name. Raises PatchskipError; whether they fit a network is for `gates.given_gates` to say."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
    except OSError as error:
        raise PatchskipError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, TypeError, EOFError, AttributeError, KeyError, zipfile.BadZipFile) as error:
        raise PatchskipError(
            f"{path} is not an .npz file of thresholds; numpy.savez(path, **thresholds) makes one"
        ) from error
    names = [name for name in values if not any(_belongs(name, suffix, values) for suffix in (_CELL, _WEIGHTS))]
    return {
        name: Gate(
            float(_number(path, values, name)),
            int(_number(path, values, name + _CELL, "iu")) if name + _CELL in values else None,
            _weights(path, values, name + _WEIGHTS) if name + _WEIGHTS in values else None,
        )
        for name in names
    }


def write(path: str, gates: Mapping[str, Gate]) -> None:
    """Write the gates, whole or not at all. The same gates give the same bytes."""
    arrays: dict[str, np.ndarray] = {}
    for name, gate in gates.items():
        if name.endswith((_CELL, _WEIGHTS)) and name.rpartition(".")[0] in gates:
            raise PatchskipError(
                f"cannot write the gate {name}: it would be taken for a part of another's; rename the layer"
            )
        arrays[name] = np.array(gate.threshold, np.float64)
        if gate.cell is not None:
            arrays[name + _CELL] = np.array(gate.cell, np.int64)
        if gate.weights is not None:
            arrays[name + _WEIGHTS] = np.asarray(gate.weights, np.float32)
    # numpy.savez could not name a layer "file".
    with atomic_path(path) as target, zipfile.ZipFile(target, "w") as archive:
        for name, value in arrays.items():
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w") as entry:
                np.lib.format.write_array(entry, value, allow_pickle=False)


def _belongs(name: str, suffix: str, values: Mapping[str, np.ndarray]) -> bool:
    """Is it a property of another entry?"""
    return name.endswith(suffix) and name[: -len(suffix)] in values


def _number(path: str, values: Mapping[str, np.ndarray], name: str, kinds: str = "fiu") -> float:
    value = values[name]
    if value.size != 1 or value.dtype.kind not in kinds:
        wanted = "one number" if "f" in kinds else "one integer"
        raise PatchskipError(f"{path}: {name} is {value.dtype} of shape {list(value.shape)}, not {wanted}")
    return value.reshape(-1)[0]


def _weights(path: str, values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    value = values[name]
    if value.ndim != 1 or value.dtype.kind not in "fiu":
        raise PatchskipError(f"{path}: {name} is {value.dtype} of shape {list(value.shape)}, not a list of numbers")
    return value.astype(np.float32)
