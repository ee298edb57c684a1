"""The deformable convolution is ONNX's DeformConv, and can be trained."""

import io

import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch.nn import functional

from patchskip.training.backbones.deformable import DeformableConv, deformed


@pytest.fixture
def layer(seed):
    torch.manual_seed(seed)
    layer = DeformableConv(5, 7)
    torch.nn.init.normal_(layer.conv_offset_mask.weight, std=0.5)  # offsets of several pixels, beyond the border too
    torch.nn.init.normal_(layer.bias)
    return layer


@pytest.mark.parametrize("size", [(9, 13), (2, 5)])
def test_it_is_deform_conv(layer, size):
    x, file = torch.randn(1, 5, *size), io.BytesIO()
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(layer, (x,), file, input_names=["x"], opset_version=layer.opset, dynamo=False)
    model = onnx.load_from_string(file.getvalue())
    assert sum(node.op_type == "DeformConv" for node in model.graph.node) == 1
    (found,) = ReferenceEvaluator(model).run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), layer(x), rtol=1e-4, atol=1e-4)


def test_without_offsets_it_is_a_convolution(layer):
    x, offsets, mask = torch.randn(2, 5, 6, 8), torch.zeros(2, 18, 6, 8), torch.ones(2, 9, 6, 8)
    expected = functional.conv2d(x, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(deformed(x, layer.weight, layer.bias, offsets, mask), expected)


def test_every_input_has_a_gradient(layer):
    x = torch.randn(1, 5, 6, 8, requires_grad=True)
    layer(x).square().sum().backward()
    for value in (x, *layer.parameters()):
        assert value.grad.isfinite().all() and value.grad.abs().max() > 0
