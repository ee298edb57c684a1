"""Gates of PASS (Zhou et al., TPAMI 2024, 10.1109/TPAMI.2024.3350380) and their files, which training writes.

Such a gate is a small ConvMixer on the current and the previous input of a convolution. patchskip.training.pass_gate
has it in PyTorch, pass_nodes.py makes ONNX nodes of it, which run on every frame and at full size.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_path

HIDDEN = 4096  # of the published head
HEADS = ("published", "local")
_FORMS = "forms"  # the file's entry that is no parameter


@dataclass(frozen=True)
class Form:
    """What a gate is made of.

    channels: C of the convolution's input. patch: side in pixels of that input. head: "published": global average pool
    and two linear layers to all the patches of `grid` (rows, columns); "local": a 1x1 convolution, for any size.
    pool: the gate sees means of pool x pool pixels; 1 as published. kernel: side of the depthwise convolutions.
    """

    channels: int
    patch: int
    head: str = "local"
    width: int = 256
    depth: int = 4
    kernel: int = 9
    pool: int = 1
    grid: tuple[int, int] | None = None

    def __post_init__(self):
        for name in ("channels", "patch", "width", "depth", "kernel", "pool"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < (0 if name == "depth" else 1):
                raise PatchskipError(f"a PASS gate's {name} is {value!r}; give a whole number, 1 or more")
        if self.head not in HEADS:
            raise PatchskipError(f"a PASS gate's head is {self.head!r}; choose {' or '.join(HEADS)}")
        if self.patch % self.pool:
            raise PatchskipError(f"a PASS gate's means of {self.pool} pixels do not divide its patches of {self.patch}")
        if self.kernel % 2 == 0:
            raise PatchskipError(f"a PASS gate's kernel is {self.kernel}; it must be odd, to have a centre")
        if (self.head == "published") != (self.grid is not None):
            raise PatchskipError(
                f"a PASS gate with the {self.head} head has the grid {self.grid}; only the published has"
            )

    def patches(self, size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) on an input of `size` (height, width). Raises PatchskipError when it is tied to others."""
        rows, columns = (-(-n // self.patch) for n in size)
        if self.grid not in (None, (rows, columns)):
            raise PatchskipError(
                f"a PASS gate was made for {list(self.grid or ())} patches and is asked for {[rows, columns]}; its "
                "published head is tied to one size: train it for this one, or use the local head"
            )
        return rows, columns

    def macs(self, size: tuple[int, int]) -> int:
        """Multiplications for one frame, an input of `size` (height, width)."""
        rows, columns = self.patches(size)
        embedding = 2 * self.channels * (self.patch // self.pool) ** 2 * self.width
        block = (self.kernel**2 + self.width) * self.width
        local = self.width if self.head == "local" else 0
        linear = HIDDEN * (self.width + rows * columns) if self.head == "published" else 0
        return rows * columns * (embedding + self.depth * block + local) + linear

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the parameters, by the names that they have in PyTorch."""
        side, width = self.patch // self.pool, self.width
        found: dict[str, tuple[int, ...]] = {}

        def layer(name: str, *shape: int) -> None:
            found.update({f"{name}.weight": shape, f"{name}.bias": shape[:1]})

        def convolution(name: str, *shape: int) -> None:
            layer(name, *shape)
            for part in ("weight", "bias", "running_mean", "running_var"):
                found[f"{name}_norm.{part}"] = (width,)

        convolution("embedding", width, 2 * self.channels, side, side)
        for i in range(self.depth):
            convolution(f"blocks.{i}.depthwise", width, 1, self.kernel, self.kernel)
            convolution(f"blocks.{i}.pointwise", width, width, 1, 1)
        if self.grid:
            layer("head.0", HIDDEN, width)
            layer("head.1", self.grid[0] * self.grid[1], HIDDEN)
        else:
            layer("head", 1, width, 1, 1)
        return found


@dataclass(frozen=True, eq=False)
class TrainedGate:
    """parameters: float32 by name, of the shapes of `form.shapes()`. Raises PatchskipError when they are not."""

    form: Form
    parameters: Mapping[str, np.ndarray]

    def __post_init__(self):
        shapes = self.form.shapes()
        for name in {**shapes, **self.parameters}:
            found = list(self.parameters[name].shape) if name in self.parameters else "missing"
            wanted = list(shapes[name]) if name in shapes else "none"
            if found != wanted:
                raise PatchskipError(f"a PASS gate's {name} is {found}, {wanted} expected; train it again")
            if not np.isfinite(self.parameters[name]).all():
                raise PatchskipError(f"a PASS gate's {name} is not finite; train it again with a smaller rate")


def read(path: str) -> dict[str, TrainedGate]:
    """-> the gates by the name of a layer, or of the picture's tensor. Raises PatchskipError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        forms = json.loads(str(values.pop(_FORMS)))
        gates = {}
        for number, (name, form) in enumerate(forms.items()):
            form["grid"] = tuple(form["grid"]) if form["grid"] else None
            prefix = f"{number}."
            own = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
            gates[name] = TrainedGate(Form(**form), own)
        return gates
    except OSError as error:
        raise PatchskipError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except PatchskipError as error:
        raise PatchskipError(f"{path}: {error}") from error
    except (ValueError, EOFError, AttributeError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise PatchskipError(f"{path} is not a file of PASS gates; training with them writes one") from error


def write(path: str, gates: Mapping[str, TrainedGate]) -> None:
    """Write the gates, whole or not at all. The same gates give the same bytes."""
    arrays = {_FORMS: np.array(json.dumps({name: asdict(gate.form) for name, gate in gates.items()}))}
    for number, gate in enumerate(gates.values()):
        arrays.update({f"{number}.{name}": value for name, value in gate.parameters.items()})
    with atomic_path(path) as target, zipfile.ZipFile(target, "w") as archive:
        for name, value in arrays.items():
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w") as entry:
                np.lib.format.write_array(entry, value, allow_pickle=False)
