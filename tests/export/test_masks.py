"""How few PatchMask nodes stand between the masks of a network, and that they say the same."""

import pytest
from onnx import helper

from patchskip.export import convert
from patchskip.export.metadata import metadata_of


def masks(model, **options):
    """The attributes and inputs of the export's PatchMask nodes."""
    nodes = [node for node in convert(model, patch=8, **options).model.graph.node if node.op_type == "PatchMask"]
    return [(list(n.input), {a.name: helper.get_attribute_value(a) for a in n.attribute}) for n in nodes]


def downwards(net, steps=3):
    """Each step halves the picture, and the patch."""
    x, channels = net.input(1, 3, 32, 48), 3
    for _ in range(steps):
        x, channels = net.op("Relu", net.conv(x, channels, 4, strides=[2, 2])), 4
    return x


def test_layers_whose_patches_are_the_same_squares_share_a_mask(net):
    model = net.model(downwards(net))
    assert not masks(model, gate="delta", halo="none")
    metadata = metadata_of(convert(model, patch=8, gate="delta", halo="none").model)
    assert {layer["mask"] for layer in metadata["layers"][:2]} == {"images.active"}
    assert next(mask for mask in metadata["masks"] if mask["name"] == "images.active")["size"] == [32, 48]


def test_a_kernel_that_reaches_over_the_patch_has_a_mask_of_its_own(net, check):
    model = net.model(downwards(net))
    check(model)
    assert len(masks(model)) == 3


def test_a_patch_of_one_pixel_is_halved_no_more(net):
    (found,) = masks(net.model(downwards(net, 4)), gate="delta", halo="none")
    assert found[1]["size"] == [2, 3] and found[1]["in_patch"] == [1]


@pytest.mark.parametrize("size, shared", [((32, 48), True), ((30, 46), True), ((36, 52), True), ((33, 48), False)])
def test_at_the_border_too_the_squares_must_be_the_same(net, check, size, shared):
    """33 rows become 17: the last patch of 8 holds one row, that of 4 also one, which stands for two."""
    x = net.op("Relu", net.conv(net.input(1, 3, *size), 3, 4, strides=[2, 2]))
    model = net.model(net.conv(x, 4, 4))
    check(model)
    assert (not masks(model, gate="delta", halo="none")) == shared


def test_a_union_of_unions_is_one(net, check):
    """The mask between the two is nobody's."""
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 48), 3, 4, name="stem"))
    a, b, c = (net.conv(x, 4, 4, name=name) for name in "abc")
    model = net.model(net.conv(net.op("Add", net.op("Mul", a, b), c), 4, 4, name="last"))
    check(model)
    gates = dict.fromkeys(("images", "stem", "a", "b", "c"), 1e-6)
    union = [inputs for inputs, _ in masks(model, gate="delta", halo="none", gates=gates) if len(inputs) > 2]
    assert len(union) == 1 and len(union[0]) == 3
