"""The dense layers that stand for a node make tensors of the node's sizes."""

from unittest.mock import MagicMock

import pytest
from planned_support import node

from patchskip.benchmarks import dense_torch
from patchskip.runtime.errors import PatchskipError

torch = pytest.importorskip("torch")

WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2], "dilations": [1, 1], "pads": [0, 0, 1, 1]}
NODES = [
    node("Conv", [(1, 16, 20, 8)], (1, 8, 10, 24), [], group=2, **WINDOW),
    node("Conv", [(1, 16, 20, 8)], (1, 16, 20, 8), [], **{**WINDOW, "strides": [1, 1], "pads": [1, 1, 1, 1]}),
    node("Conv", [(1, 16, 20, 8)], (1, 15, 21, 8), [], kernel_shape=[5, 2], pads=[1, 0, 2, 2]),
    node("SeparableConv", [(1, 16, 20, 8)], (1, 8, 10, 24), [], group=8, **WINDOW),
    node("ConcatConv", [(1, 8, 10, 8), (1, 8, 10, 4)], (1, 8, 10, 24), []),
    node("ConvTranspose", [(1, 8, 10, 8)], (1, 16, 20, 12), [], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    node(
        "ConvTranspose", [(1, 8, 10, 8)], (1, 16, 20, 8), [], kernel_shape=[4, 4], strides=[2, 2], group=8, pads=[1] * 4
    ),
]


@pytest.mark.parametrize("made", NODES, ids=lambda made: f"{made.op_type}-{made.attributes.get('group', 1)}")
def test_sizes(made):
    network, shape = dense_torch.layers(torch, made)
    _, height, width, channels = made.types["y"][0]
    assert network(torch.zeros(shape)).shape == (1, channels, height, width)
    modules = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    assert all(isinstance(layer, modules) and layer.bias is None for layer in network), "a kernel beside cuDNN's"


def test_the_order_of_what_a_gpu_is_asked():
    """Without one: the network is made before another stream runs it, and the GPU is at work when the time begins."""
    fake = MagicMock()
    layer = dense_torch.DenseLayer(fake, NODES[0], 2)
    asked = [name for name, _, _ in fake.mock_calls]
    runs = [i for i, name in enumerate(asked) if name.startswith("nn.Sequential()") and name.endswith("eval()")]
    assert len(runs) == 3 + 2 and asked.index("cuda.Stream().wait_stream") < runs[0]
    fake.reset_mock()
    layer.time_ms()
    asked = [name.split(".")[-1] for name, _, _ in fake.mock_calls]
    assert [name for name in asked if name in ("replay", "record")] == ["replay", "record", "replay", "record"]


def test_without_a_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(PatchskipError, match="PyTorch .* finds no GPU"):
        dense_torch.import_torch()
