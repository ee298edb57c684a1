"""What a network's outputs mean. A task is made by `create` and called with the outputs of each frame."""

import importlib

TASKS = {"detect": "patchskip.runtime.tasks.detect", "none": None}


def create(name, model, **options):
    """-> a callable (outputs, scale) -> float32 [n, 6], or None for the task `none`."""
    module = TASKS[name]
    return importlib.import_module(module).create(model, **options) if module else None


def guess(model):
    """-> the task that fits the model's outputs."""
    from . import detect

    return "detect" if detect.fits(model) else "none"
