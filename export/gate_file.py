"""Files of gates: what calibration and training write, and `patchskip export --gates` reads.

An .npz of arrays by the name of a layer, or of the picture's tensor: NAME is the threshold, NAME.cell the side of its
cells in pixels of that tensor, NAME.patch that of the patches they were chosen for, NAME.weights a float32 for each of
its channels. The last three may be missing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_path

_CELL, _PATCH, _WEIGHTS = _PARTS = ".cell", ".patch", ".weights"


@dataclass(frozen=True, eq=False)
class Gate:
    """From which change on a patch is passed on: docs/op-spec.md, PatchGate and PatchSkip.

    threshold: absolute; 0 at a layer: no gate. cell: side in pixels, None for the default (gates.default_cell).
    weights: float32 [C], of each channel's change; None: all of them count alike. patch: side of the patches that the
    cell was chosen for; None: of those that it comes to.
    """

    threshold: float
    cell: int | None = None
    weights: np.ndarray | None = None
    patch: int | None = None

    def on(self, patch: int) -> Gate:
        """The gate for patches of another side, of which its cells are the same part, or the next smaller whole one."""
        if self.cell is None or self.patch is None:
            return replace(self, patch=patch)
        return replace(self, cell=cell_within(patch, self.cell * patch // self.patch), patch=patch)


def cell_within(patch: int, most: int) -> int:
    """The side of the largest cells that divide a patch, `most` at the most, and 1 at least."""
    return next((cell for cell in range(min(most, patch), 1, -1) if patch % cell == 0), 1)


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
    names = [name for name in values if not any(_belongs(name, suffix, values) for suffix in _PARTS)]
    return {
        name: Gate(
            float(_number(path, values, name)),
            _side(path, values, name + _CELL),
            _weights(path, values, name + _WEIGHTS) if name + _WEIGHTS in values else None,
            _side(path, values, name + _PATCH),
        )
        for name in names
    }


def write(path: str, gates: Mapping[str, Gate]) -> None:
    """Write the gates, whole or not at all. The same gates give the same bytes."""
    arrays: dict[str, np.ndarray] = {}
    for name, gate in gates.items():
        if name.endswith(_PARTS) and name.rpartition(".")[0] in gates:
            raise PatchskipError(
                f"cannot write the gate {name}: it would be taken for a part of another's; rename the layer"
            )
        arrays[name] = np.array(gate.threshold, np.float64)
        if gate.cell is not None:
            arrays[name + _CELL] = np.array(gate.cell, np.int64)
            if gate.patch is not None:
                arrays[name + _PATCH] = np.array(gate.patch, np.int64)
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


def _side(path: str, values: Mapping[str, np.ndarray], name: str) -> int | None:
    if name not in values:
        return None
    side = int(_number(path, values, name, "iu"))
    if side < 1:
        raise PatchskipError(f"{path}: {name} is {side}; it is a side in pixels, 1 or more")
    return side


def _weights(path: str, values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    value = values[name]
    if value.ndim != 1 or value.dtype.kind not in "fiu":
        raise PatchskipError(f"{path}: {name} is {value.dtype} of shape {list(value.shape)}, not a list of numbers")
    return value.astype(np.float32)
