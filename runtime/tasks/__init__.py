"""What a network's outputs mean. A task is made by `create` and called with the outputs of each frame."""

import importlib

TASKS = {"detect": "patchskip.runtime.tasks.detect", "pose": "patchskip.runtime.tasks.pose", "none": None}


def create(name, model, **options):
    """-> a callable (outputs, scale) -> float32 [n, 6], joints [n, J, 4], or None for the task `none`."""
    module = TASKS[name]
    return importlib.import_module(module).create(model, **options) if module else None


def guess(model):
    """-> the task that fits the model's outputs."""
    from . import detect, pose

    return "detect" if detect.fits(model) else "pose" if pose.fits(model) else "none"
