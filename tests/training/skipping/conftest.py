"""What the tests of training share: the operators' cases, a small detector, and how an export becomes a module."""

import json
import pathlib
import sys

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'patchskip[train]'")
pytest.importorskip("onnx")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "plugins"))

from patchskip.training.skipping.network import SkipNetwork  # noqa: E402

torch.set_num_threads(1)  # more of them wait for each other when the machine is busy


@pytest.fixture
def skip_network():
    """skip_network(exported model) -> SkipNetwork."""

    def make(model):
        metadata = next(entry.value for entry in model.metadata_props if entry.key == "patchskip")
        return SkipNetwork(model, json.loads(metadata))

    return make
