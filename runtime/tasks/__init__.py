"""What a network's outputs mean. A task is made by `create` and called with the outputs of each frame."""

import importlib

TASKS = {
    "detect": "patchskip.runtime.tasks.detect",
    "pose": "patchskip.runtime.tasks.pose",
    "track": "patchskip.runtime.tasks.track",
    "none": None,
}


def create(name, model, **options):
    """-> a callable (outputs, scale) -> boxes [n, 6], tracks [n, 7], joints [n, J, 4], or None for the task `none`."""
    module = TASKS[name]
    return importlib.import_module(module).create(model, **options) if module else None


def guess(model):
    """-> the task that fits the model's outputs."""
    from . import centres, detect, pose

    for name, module in (("detect", detect), ("track", centres), ("pose", pose)):
        if module.fits(model):
            return name
    return "none"
