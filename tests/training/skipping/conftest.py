"""What the tests of training need: torch, and the operators' cases."""

import pathlib
import sys

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'patchskip[train]'")
pytest.importorskip("onnx")
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "plugins"))

torch.set_num_threads(1)  # more of them wait for each other when the machine is busy
