"""Reading the checkpoints that the networks' authors and their tools write."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from patchskip.runtime.errors import PatchskipError

from . import BACKBONES

CONTAINERS = ("state_dict", "network")  # where a training's checkpoint has the parameters
WRAPPERS = ("module.", "backbone.")  # of DataParallel, of a network that holds the backbone
UNUSED = ("base.fc.",)  # the classifier that DLA-34 was trained with on ImageNet
NAMED = 3  # parameters that a message lists


def load_checkpoint(model: nn.Module, path: str | os.PathLike) -> None:
    """Give a model its trained parameters. Raises PatchskipError unless the file has all of them and no others."""
    shapes = _shapes(model.state_dict())
    state = _unwrapped(_read(path), shapes)
    given = _shapes(state)
    missing = [name for name in shapes if name not in given]
    unexpected = [name for name in given if name not in shapes]
    other = [
        f"{name} {given[name]} for {shapes[name]}" for name in shapes if given.get(name, shapes[name]) != shapes[name]
    ]
    found = [_listed("missing", missing), _listed("unexpected", unexpected), _listed("of another shape", other)]
    if missing or unexpected or other:
        raise PatchskipError(
            f"{os.fspath(path)} does not fit the network: {', '.join(filter(None, found))}; {_best(given)}"
        )
    model.load_state_dict(state, strict=True)


def _read(path: str | os.PathLike) -> Mapping[str, Tensor]:
    """The parameters in a file, under the names they have there."""
    path = os.fspath(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise PatchskipError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise PatchskipError(
            f"{path} is not a PyTorch checkpoint, or it is cut off, or it holds more than tensors; "
            "torch.save(model.state_dict(), path) makes one"
        ) from error
    for key in CONTAINERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise PatchskipError(
            f"{path} holds no parameters by name; torch.save(model.state_dict(), path) makes such a file"
        )
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _unwrapped(state: Mapping[str, Tensor], shapes: Mapping) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in state) and not all(name.startswith(wrapper) for name in shapes):
            state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return {name: value for name, value in state.items() if name in shapes or not name.startswith(UNUSED)}


def _shapes(state: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """num_batches_tracked apart, which old versions did not write and inference does not need."""
    return {name: list(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def _listed(what: str, names: Iterable[str]) -> str:
    names = list(names)
    rest = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED])}{rest})" if names else ""


def _best(given: Mapping[str, list[int]]) -> str:
    """Which backbone shares the most parameters with the file."""
    shared = {}
    for name, backbone in BACKBONES.items():
        with torch.device("meta"):
            own = _shapes(backbone.build().state_dict())
        shared[name] = sum(given.get(key) == shape for key, shape in own.items()), len(own)
    best = max(shared, key=lambda name: shared[name][0] / shared[name][1])
    count, total = shared[best]
    if count == 0:
        return f"it is a checkpoint of none of {', '.join(BACKBONES)}"
    return f"{best} fits best, with {count} of its {total} entries"
