"""What a killed training goes on from: one file, whole at any time."""

from __future__ import annotations

import os

import torch

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_path

ENDING = ".pt"


def save(folder: str, name: str, settings: dict, state: dict) -> None:
    with atomic_path(os.path.join(folder, name + ENDING)) as path:
        torch.save({"settings": settings, "state": state}, path)


def load(folder: str, name: str, settings: dict) -> dict | None:
    """The state that was saved last, or None. Raises PatchskipError when it belongs to a training of other settings."""
    path = os.path.join(folder, name + ENDING)
    if not os.path.exists(path):
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        found, state = saved["settings"], saved["state"]
    except Exception as error:
        raise PatchskipError(f"the checkpoint {path} is damaged; delete it to begin anew") from error
    for key, value in settings.items():
        if found.get(key) != value:
            raise PatchskipError(
                f"the checkpoint in {folder} is of another training: its {key} is {found.get(key)}, not {value}; "
                "delete the folder to begin anew, or give another -o"
            )
    return state
