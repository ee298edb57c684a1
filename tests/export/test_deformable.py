"""Deformable convolutions: what becomes of ONNX's, and from how far they see a change."""

import numpy as np
import pytest
from export_support import Net, Stream, evaluators, random_feeds

from patchskip.export import convert
from patchskip.export.geometry import windows
from patchskip.export.metadata import metadata_of
from patchskip.plugins.reference.patches import evaluate, patch_mask
from patchskip.runtime.errors import PatchskipError


@pytest.fixture
def net(rng):
    return Net(rng, opset=19)


def stem(net, channels=4):
    return net.op("Relu", net.conv(net.input(1, 3, 32, 28), 3, channels))


def deform(net, x, c_in, c_out, k=3, offset_group=1, bias=True, masked=True, group=1, **attributes):
    """A DeformConv whose offsets and mask come from one convolution, as in DCNv2."""
    taps = offset_group * k * k
    attributes.setdefault("pads", [k // 2] * 4)
    both = net.conv(x, c_in, 3 * taps, k, **attributes)
    offset, mask = net.op("Split", both, net.const([2 * taps, taps]), outputs=2, axis=1)
    inputs = [x, net.weight(c_out, c_in // group, k, k), offset]
    inputs += [net.weight(c_out) if bias else "", net.op("Sigmoid", mask)] if masked else [net.weight(c_out)] * bias
    form = {**attributes, "group": group, "offset_group": offset_group}
    return net.op("DeformConv", *inputs, kernel_shape=[k, k], **form)


def layers(found, op_type):
    return [layer for layer in found["layers"] if layer["op_type"] == op_type]


@pytest.mark.parametrize(
    "form",
    [
        dict(),
        dict(bias=False),
        dict(masked=False),
        dict(masked=False, bias=False),
        dict(strides=[2, 2]),
        dict(dilations=[2, 2], pads=[2] * 4),
        dict(k=1, offset_group=2),
        dict(group=2, offset_group=4),
    ],
    ids=str,
)
def test_it_is_one_layer_with_what_follows(net, check, form):
    x = stem(net)
    y = deform(net, x, 4, 8, **form)
    scales = [net.const(net.rng.uniform(0.5, 1.5, 8).astype(np.float32)) for _ in range(4)]
    y = net.op("Relu", net.op("BatchNormalization", y, *scales))
    model = net.model(net.conv(y, 8, 5))
    found = check(model)
    assert found["coverage"] == 1 and not found["dense"]
    assert convert(model).model.opset_import[0].version == 13  # no runtime is too old
    assert len(layers(found, "DeformConv")) == 1 and not layers(found, "Identity")


def test_a_sum_goes_into_it(net, check):
    x = stem(net)
    y = net.op("Relu", net.op("Add", deform(net, x, 4, 4), x))
    found = check(net.model(net.conv(y, 4, 5)))
    assert not layers(found, "Add") and not layers(found, "Identity")


def test_what_stays_dense(net):
    x = stem(net)
    offset = net.const(np.zeros((1, 18, 32, 28), np.float32))
    y = net.op("DeformConv", x, net.weight(4, 4, 3, 3), offset, kernel_shape=[3, 3], pads=[1] * 4)
    (dense,) = metadata_of(convert(net.model(net.conv(y, 4, 4))).model)["dense"]
    assert dense["op_type"] == "DeformConv" and "not computed at run time" in dense["reason"]
    assert dense["macs"] == 32 * 28 * 9 * 4 * 4


def test_offsets_are_computed_where_they_changed_alone(net, rng):
    model = net.model(net.conv(deform(net, stem(net), 4, 4), 4, 4))
    exported = convert(model, patch=4).model
    first = random_feeds(model, rng)
    second = {"images": first["images"].copy()}
    second["images"][:, :, 12:14, 12:14] += 1
    for run in evaluators(exported).values():
        stream = Stream(exported, run)
        out = [stream.infer(frame) for frame in (first, second)][1]
        active = {layer["op_type"]: int(out[layer["mask"]].sum()) for layer in stream.metadata["layers"]}
        assert active["DeformConv"] == active["Conv"] == 56  # all of them; the last Conv reads that
        assert active["ChannelMap"] == 25  # two kernels away


def kernel(k, s, d, begin):
    return dict(kernel_shape=[k, k], strides=[s, s], dilations=[d, d], pads=[begin] * 4, group=1, offset_group=1)


@pytest.mark.parametrize("form", [(3, 1, 1, 1), (3, 2, 1, 1), (3, 1, 2, 2), (1, 1, 1, 0), (2, 2, 1, 0)])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_the_window_holds_what_offsets_within_the_radius_read(rng, form, radius):
    size, (k, s, d, begin) = (11, 9), form
    out = tuple((n + 2 * begin - (k - 1) * d - 1) // s + 1 for n in size)
    attributes = kernel(*form)
    offset = rng.uniform(-radius, radius, (1, *out, 2 * k * k)).astype(np.float32)
    weights = [np.ones((1, 1, k, k), np.float32), np.zeros(1, np.float32)]
    reads = windows("DeformConv", attributes, 0, size, out, radius=radius)
    for y, x in np.ndindex(*size):
        image, mask = np.zeros((1, *size, 1), np.float32), np.zeros(size, np.int32)
        image[0, y, x] = mask[y, x] = 1
        depends = evaluate("DeformConv", [image, offset, *weights], out, **attributes)[0, ..., 0] != 0
        found = patch_mask([mask], out, 1, [1], [n for window in reads for n in window])
        assert (found[depends] == 1).all()


def test_without_a_radius_it_reads_everything_and_without_halo_its_own_place():
    attributes = kernel(3, 1, 1, 1)
    assert windows("DeformConv", attributes, 0, (11, 9), (11, 9)) == ((0, 1, 0, 10), (0, 1, 0, 8))
    for radius in (None, 2):
        assert windows("DeformConv", attributes, 0, (11, 9), (11, 9), False, radius) == ((1, 1, 0, 0), (1, 1, 0, 0))
    assert windows("DeformConv", attributes, 1, (11, 9), (11, 9)) == ((1, 1, 0, 0), (1, 1, 0, 0))


def test_the_radius_widens_the_mask_in_delta_mode(net, rng):
    model = net.model(net.conv(deform(net, stem(net), 4, 4), 4, 4))
    wide = []
    for radius in (0, 8):
        exported = convert(model, patch=4, gate="delta", halo="full", threshold=0.0, deform_radius=radius).model
        first = random_feeds(model, rng)
        second = {"images": first["images"].copy()}
        second["images"][:, :, :2, :2] += 1
        stream = Stream(exported, evaluators(exported)["native"])
        out = [stream.infer(frame) for frame in (first, second)][1]
        wide.append(int(out[layers(stream.metadata, "DeformConv")[0]["mask"]].sum()))
    assert wide[0] < wide[1] < 56


def test_a_radius_below_0_is_refused(net):
    with pytest.raises(PatchskipError, match="--deform-radius -1"):
        convert(net.model(stem(net)), gate="delta", halo="full", deform_radius=-1)
