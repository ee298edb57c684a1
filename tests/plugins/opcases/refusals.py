"""Calls that must be refused: (name, the problem, words that the message must hold)."""

import numpy as np

from .convolution import conv, depthwise, transpose
from .deformable import deform
from .fused import concat_conv, separable
from .gates import POINTWISE, gate, mask
from .local import channel_map, concat, flatten, image, plane, pointwise, pool, resize
from .problems import poison, problem
from .specs import Mask


def set_attributes(base, remove=(), **values):
    attributes = {key: value for key, value in base.attributes.items() if key not in remove}
    return base._replace(attributes=dict(attributes, **values))


def set_input(base, index, array):
    inputs = list(base.inputs) + [None] * (index + 1 - len(base.inputs))
    inputs[index] = array
    alias = {output: source for output, source in base.alias.items() if source != index}
    outputs = [poison(o.shape, o.dtype) if base.alias.get(i) == index else o for i, o in enumerate(base.outputs)]
    return base._replace(inputs=inputs, alias=alias, outputs=outputs)


def floats(*shape):
    return np.zeros(shape, np.float32)


def refusals():
    plain = problem(conv("refused", (9, 8), 6, 10, patch=2, in_place=0))
    yield "operator", plain._replace(operator="PatchSkop"), ["PatchSkop"]
    yield "op_type", set_attributes(plain, op_type="Gru"), ["op_type", "Gru"]
    yield "no op_type", set_attributes(plain, remove=["op_type"]), ["op_type"]
    yield "no patch", set_attributes(plain, remove=["patch"]), ["patch"]
    yield "patch 0", set_attributes(plain, patch=0), ["patch", "0"]
    yield "patch as text", set_attributes(plain, patch="two"), ["patch"]
    yield "activation", set_attributes(plain, activation="Gelu"), ["activation", "Gelu"]
    yield "clip without limits", set_attributes(plain, activation="Clip"), ["Clip", "activation_params"]
    yield "clip's types", set_attributes(plain, activation="Clip", activation_params=(0, 6)), ["activation_params"]
    yield (
        "prelu's slopes",
        set_attributes(plain, activation="PRelu", activation_params=(0.5, 0.25)),
        ["PRelu", "2", "10"],
    )
    yield "residual", set_attributes(plain, residual="between"), ["residual", "between"]
    yield "cell", set_attributes(plain, cell=3, threshold=0.5), ["cell", "3"]
    yield "threshold's type", set_attributes(plain, threshold=1), ["threshold"]
    yield "threshold negative", set_attributes(plain, threshold=-0.5), ["threshold"]
    yield "threshold nan", set_attributes(plain, threshold=float("nan")), ["threshold"]
    gated = set_attributes(plain, threshold=0.5)
    yield "weights without a threshold", set_attributes(plain, weights=(1.0,) * 10), ["weights", "threshold"]
    yield "weights' count", set_attributes(gated, weights=(1.0,) * 9), ["weights", "9", "10"]
    yield "weights negative", set_attributes(gated, weights=(1.0,) * 9 + (-0.5,)), ["weights", "-0.5"]
    yield "weights nan", set_attributes(gated, weights=(1.0,) * 9 + (float("nan"),)), ["weights", "nan"]
    yield "weights infinite", set_attributes(gated, weights=(1.0,) * 9 + (float("inf"),)), ["weights", "inf"]
    yield "weights' type", set_attributes(gated, weights=(1,) * 10), ["weights"]
    yield "stride 0", set_attributes(plain, strides=(0, 1)), ["strides"]
    yield "three strides", set_attributes(plain, strides=(1, 1, 1)), ["strides"]
    yield "dilation 0", set_attributes(plain, dilations=(1, 0)), ["dilations"]
    yield "two pads", set_attributes(plain, pads=(1, 1)), ["pads"]
    yield "negative pads", set_attributes(plain, pads=(-1, 1, 1, 1)), ["pads"]
    yield "kernel_shape", set_attributes(plain, kernel_shape=(5, 3)), ["kernel_shape"]
    yield "group", set_attributes(plain, group=4), ["group", "4"]
    yield "group 0", set_attributes(plain, group=0), ["group"]
    yield "the mask's grid", set_input(plain, 0, np.ones((5, 5), np.int32)), ["active", "5"]
    yield "the mask's type", set_input(plain, 0, floats(5, 4)), ["active", "int32"]
    yield "the cache's size", set_input(plain, 1, floats(1, 9, 9, 10)), ["active", "5"]
    yield "the cache's rank", set_input(plain, 1, floats(9, 8, 10)), ["cache"]
    yield "channels of X", set_input(plain, 2, floats(1, 9, 8, 5)), ["W", "5"]
    yield "size of X", set_input(plain, 2, floats(1, 12, 8, 6)), ["X", "12"]
    yield "type of X", set_input(plain, 2, np.zeros((1, 9, 8, 6), np.uint8)), ["X", "uint8"]
    yield "types mixed", set_input(plain, 2, np.zeros((1, 9, 8, 6), np.float16)), ["X", "float16"]
    yield "batch", set_input(plain, 2, floats(2, 9, 8, 6)), ["X", "2"]
    yield "weight", set_input(plain, 3, floats(10, 6, 3)), ["W"]
    yield "weight's channels", set_input(plain, 3, floats(10, 5, 3, 3)), ["W", "5"]
    yield "bias", set_input(plain, 4, floats(9)), ["B", "9"]
    yield "no bias", plain._replace(inputs=plain.inputs[:4], constants=(3,)), ["2 inputs", "3"]
    yield "output's shape", plain._replace(outputs=[poison((1, 9, 8, 11))] + plain.outputs[1:]), ["Y", "11"]

    before = problem(conv("refused-residual", (9, 8), 6, 10, patch=2, in_place=0, residual="before"))
    yield "residual missing", before._replace(inputs=before.inputs[:5]), ["residual"]
    yield "residual's shape", set_input(before, 5, floats(1, 9, 8, 1)), ["residual"]

    dw = problem(depthwise("refused", (9, 8), 6, patch=2, in_place=0))
    yield "depthwise weight", set_input(dw, 3, floats(5, 1, 3, 3)), ["W"]
    up = problem(transpose("refused", (5, 4), 6, 8, 4, 2, (1, 1, 1, 1), patch=2, in_place=0))
    yield "transposed weight", set_input(up, 3, floats(8, 6, 4, 4)), ["W"]
    yield "transposed size", set_input(up, 2, floats(1, 9, 4, 6)), ["X"]
    moved = problem(deform("refused", (9, 8), 6, 10, offset_group=2, patch=2, in_place=0))
    yield "offset_group", set_attributes(moved, offset_group=4), ["offset_group", "4"]
    yield "offset_group 0", set_attributes(moved, offset_group=0), ["offset_group"]
    yield "offset's channels", set_input(moved, 3, floats(1, 9, 8, 18)), ["offset", "18", "36"]
    yield "mask's size", set_input(moved, 4, floats(1, 8, 8, 18)), ["mask", "8"]
    yield "deformable weight", set_input(moved, 5, floats(10, 5, 3, 3)), ["W", "5"]
    yield "deformable group", set_attributes(moved, group=4), ["group", "4"]
    yield "no offset", moved._replace(inputs=moved.inputs[:3] + moved.inputs[5:], constants=(3, 4)), ["inputs", "4"]
    top = problem(pool("MaxPool", "refused", (8, 8), 5, 2, 2, patch=2, in_place=0))
    yield "pool without kernel", set_attributes(top, remove=["kernel_shape"]), ["kernel_shape"]
    yield "pool's channels", set_input(top, 2, floats(1, 8, 8, 4)), ["X", "4"]
    scaled = problem(resize("-refused", (4, 4), (8, 8), 3, "nearest", "asymmetric", "floor", patch=2, in_place=0))
    yield "resize mode", set_attributes(scaled, mode="cubic"), ["mode", "cubic"]
    yield "resize rounding", set_attributes(scaled, nearest_mode="up"), ["nearest_mode", "up"]
    yield (
        "resize coordinates",
        set_attributes(scaled, coordinate_transformation_mode="tf_crop_and_resize"),
        ["coordinate_transformation_mode", "tf_crop_and_resize"],
    )
    yield "resize channels", set_input(scaled, 2, floats(1, 4, 4, 2)), ["X"]
    thin = problem(separable("refused", (9, 8), 6, 10, between=("Relu", ()), patch=2, in_place=0))
    yield "inner activation", set_attributes(thin, inner_activation="Gelu"), ["activation", "Gelu"]
    yield "inner params", set_attributes(thin, inner_activation="Clip"), ["Clip", "activation_params"]
    yield (
        "inner slopes",
        set_attributes(thin, inner_activation="PRelu", inner_activation_params=(0.5, 0.25)),
        ["PRelu", "2", "6"],
    )
    yield "separable X", set_input(thin, 2, floats(1, 9, 8, 5)), ["SeparableConv", "6", "5"]
    yield "separable W1", set_input(thin, 3, floats(6, 1, 5, 5)), ["W", "5"]
    yield "separable W2", set_input(thin, 5, floats(10, 6, 3, 3)), ["W", "3"]
    yield "separable W2's inputs", set_input(thin, 5, floats(10, 7, 1, 1)), ["SeparableConv"]
    yield "separable B2", set_input(thin, 6, floats(9)), ["B", "9"]
    yield "separable alone", thin._replace(inputs=thin.inputs[:5], constants=(3, 4)), ["SeparableConv"]
    both = problem(concat_conv("refused", (6, 5), (4, 3), 8, patch=2, in_place=0))
    yield "concat conv's channels", set_input(both, 3, floats(1, 6, 5, 4)), ["channels"]
    yield "concat conv's W", set_input(both, 4, floats(8, 7, 3, 3)), ["W", "3"]
    yield "concat conv alone", both._replace(inputs=both.inputs[:2] + both.inputs[4:], constants=(2, 3)), ["ConcatConv"]
    added = problem(pointwise("Add", "refused", (6, 5), 4, 2, patch=2, in_place=0))
    yield "add broadcast", set_input(added, 3, floats(1, 1, 1, 4)), ["B"]
    yield "add one", added._replace(inputs=added.inputs[:3]), ["1 inputs", "2"]
    joined = problem(concat("refused", (6, 5), (4, 3), patch=2, in_place=0))
    yield "concat channels", set_input(joined, 3, floats(1, 6, 5, 4)), ["channels"]
    yield "concat size", set_input(joined, 3, floats(1, 5, 5, 3)), ["5"]
    mapped = problem(channel_map("refused", (6, 5), 4, [3, 2, 0], patch=2, in_place=0))
    yield "channel out of range", set_attributes(mapped, channels=(3, 2, 4)), ["channels", "4"]
    yield "channel below -1", set_attributes(mapped, channels=(3, 2, -2)), ["channels", "-2"]
    yield "channels missing", set_attributes(mapped, remove=["channels"]), ["channels"]
    yield "channels' count", set_attributes(mapped, channels=(3, 2)), ["channels"]
    seen = problem(image("refused", (9, 8), 3, "NHWC", "float32", scale=(0.5, 0.5, 0.5), patch=2, in_place=0))
    yield "scale's count", set_attributes(seen, scale=(0.5, 0.5)), ["scale", "2"]
    yield "layout", set_attributes(seen, layout="CHWN"), ["layout", "CHWN"]
    yield "image's size", set_input(seen, 2, floats(1, 9, 9, 3)), ["X"]
    flat = problem(flatten("refused", [(4, 4), (2, 2)], 3, patch=2, in_place=0))
    yield "flatten gated", set_attributes(flat, threshold=0.5), ["threshold"]
    yield "flatten's weights", set_attributes(flat, weights=(1.0,) * 3), ["weights", "threshold"]
    yield "flatten's length", set_input(flat, 3, floats(1, 2, 3, 3)), ["Flatten"]
    yield "flatten without a cache", set_attributes(flat, shape=(1, 20, 3)), ["Flatten", "cache"]
    planar = problem(plane("refused", (9, 8), 3, patch=2, in_place=0))
    yield "planes gated", set_attributes(planar, threshold=0.5), ["Planes", "threshold"]
    yield "planes' weights", set_attributes(planar, weights=(1.0,) * 3), ["weights", "threshold"]
    yield "planes' residual", set_attributes(planar, residual="before"), ["Planes", "residual"]
    yield "planes without a cache", set_attributes(planar, shape=(1, 3, 9, 8)), ["Planes", "cache"]
    yield "planes of two tensors", set_input(planar, 3, floats(1, 9, 8, 3)), ["Planes", "2 inputs", "1"]
    yield "planes' cache", set_input(planar, 1, floats(1, 9, 8, 3)), ["Planes"]
    yield "planes' size", set_input(planar, 2, floats(1, 8, 9, 3)), ["Planes"]
    yield "planes' channels", set_input(planar, 2, floats(1, 9, 8, 4)), ["Planes", "4"]
    yield "planes' mask", set_input(planar, 0, np.ones((5, 5), np.int32)), ["active", "5"]

    exact = problem(gate("refused", "exact", (9, 8, 3), 4, "full"))
    yield "gate mode", set_attributes(exact, mode="guess"), ["mode", "guess"]
    yield "gate patch", set_attributes(exact, remove=["patch"]), ["patch"]
    yield "gate reference", set_input(exact, 1, floats(1, 9, 8, 2)), ["reference", "2"]
    yield "gate candidates", set_input(exact, 2, np.ones((3, 3), np.int32)), ["candidates", "3"]
    yield "gate channels", set_attributes(exact, channels=(0, 1, 3)), ["channels", "3"]
    yield "gate weights in exact mode", set_attributes(exact, weights=(1.0,) * 3), ["weights", "exact"]
    delta = problem(gate("refused", "delta", (9, 8, 3), 4, "full", in_place=0, cell=2))
    yield "gate cell", set_attributes(delta, cell=3), ["cell", "3"]
    yield "gate weights' count", set_attributes(delta, weights=(1.0, 1.0)), ["weights", "2", "3"]
    yield "gate weights negative", set_attributes(delta, weights=(1.0, -2.0, 1.0)), ["weights", "-2"]
    yield "gate's cells", set_input(delta, 1, floats(9, 8, 3)), ["reference"]

    grown = problem(mask("refused", (8, 8), 2, (8, 8), 2, POINTWISE))
    yield "windows' count", set_attributes(grown, windows=(1, 1, 0, 0)), ["windows", "4"]
    yield "window of 0", set_attributes(grown, windows=(1, 0, 0, 0) * 2), ["window", "den"]
    yield "in_patch's count", set_attributes(grown, in_patch=(2, 2)), ["in_patch"]
    yield "no size", set_attributes(grown, remove=["size"]), ["size"]
    yield "mask's type", set_input(grown, 0, floats(4, 4)), ["int32"]
    yield "candidates' shape", grown._replace(outputs=[poison((4, 5), np.int32)]), ["4"]


def gpu_refusals():
    """What only the CUDA kernels cannot do."""
    wide = tuple(range(17))
    seen = problem(image("refused-wide", (9, 8), 17, "NHWC", "float32", wide, patch=2, in_place=0))
    yield "image's listed channels", seen, ["channels", "16", "17"]
    listed = problem(gate("refused-wide", "exact", (9, 8, 17), 4, "full", channels=wide))
    yield "gate's listed channels", listed, ["channels", "16", "17"]
    windows = POINTWISE * 2 * 17
    spec = Mask("patchmask-refused", (8, 8), 2, ((8, 8),) * 17, (2,) * 17, windows, ("single",) * 17)
    yield "masks", problem(spec), ["17", "16"]
    fine = problem(pointwise("Add", "refused-fine", (512, 512), 1, 2, patch=1, in_place=0))
    yield "patches that shared memory cannot hold", fine, ["patches", "49152"]


REFUSALS = list(refusals())
GPU_REFUSALS = list(gpu_refusals())
