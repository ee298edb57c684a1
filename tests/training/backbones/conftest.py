"""What the tests of the backbones share: networks with random weights, made once."""

import functools

import pytest

torch = pytest.importorskip("torch", reason="the backbones need torch: pip install 'patchskip[train]'")

from patchskip.training.backbones import BACKBONES  # noqa: E402
from patchskip.training.backbones.initial import set_random_weights  # noqa: E402

torch.set_num_threads(1)  # more of them wait for each other when the machine is busy


@functools.lru_cache(maxsize=None)
def _network(name):
    backbone = BACKBONES[name]
    model = backbone.build()
    set_random_weights(model, backbone.preset, seed=0)
    return model


@pytest.fixture(scope="session")
def network():
    """network(name) -> the backbone with random weights, the same object each time."""
    return _network
