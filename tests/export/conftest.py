"""What the tests of the exporter share: small networks made on the spot, the check that an export is the network."""

import os
import sys

import pytest

pytest.importorskip("onnx")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from export_support import Net, compare_stream  # noqa: E402


@pytest.fixture
def net(rng):
    return Net(rng)


@pytest.fixture
def check(rng):
    """check(model, **options of convert) -> metadata of the export, after its stream has been compared with dense."""
    return lambda model, **options: compare_stream(model, rng, **options)


@pytest.fixture
def weights(data):
    return data / "weights"
