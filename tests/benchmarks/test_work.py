"""What is counted of a node, against the same by hand."""

import pytest
from planned_support import node

from patchskip.benchmarks import jetson_nano, work
from patchskip.runtime.errors import PatchskipError

CONV = dict(kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4, constants=2400)


def test_a_convolution():
    made = node("Conv", [(1, 8, 8, 16)], (1, 8, 8, 32), [("conv_64x64_8x64_f16x4", 6, 64)], activation="Relu", **CONV)
    (done,) = work.count(made, 0.25)  # one patch of 4x4 pixels
    assert done.macs == 16 * 32 * 9 * 16
    assert done.padded == done.small == 2 * 8 * 64 * 144  # two tiles
    assert done.operations == 16 * 32 * (work.STORE + 1)
    assert done.bytes == 2 * 6 * 6 * 16 + 4 * 2400 + 2 * 16 * 32 + 4 * 4  # X with its halo, constants, Y, mask
    assert (done.warps, done.mask_words) == (4, 1)
    (done,) = work.count(made, 1)
    assert done.macs == 64 * 32 * 9 * 16 and done.bytes == 2 * 8 * 8 * 16 + 4 * 2400 + 2 * 64 * 32 + 4 * 4


def test_tiles_of_groups_and_of_terms():
    made = node("Conv", [(1, 8, 8, 6)], (1, 8, 8, 40), [("conv_128x32_16x32_f16", 5, 64)], group=2, **CONV)
    (done,) = work.count(made, 1)
    assert done.macs == 64 * 40 * 9 * 3
    assert done.padded == 4 * 2 * 1 * 16 * 32 * 32  # tiles of pixels, groups, tiles of channels; 27 terms are 32
    assert done.warps == 5 * 2


@pytest.mark.parametrize(
    "patches, large, small",
    [
        (1, 0, 2),
        (4, 0, 8),  # one large tile would leave the GPU idle
        (5, 1, 2),
        (9, 2, 2),
        (11, 2, 6),  # three large tiles would leave it idle
        (15, 4, 0),  # the rest fills most of a large tile
        (17, 4, 2),
        (36, 9, 0),
    ],
)
def test_large_tiles_and_small_ones(patches, large, small):
    kernels = [("conv_64x64_8x64_f16x4", 6, 64)]
    made = node("Conv", [(1, 24, 24, 16)], (1, 24, 24, 64), kernels, (6, 6), **CONV)
    (done,) = work.count(made, patches / 36)  # of 16 pixels
    assert (done.padded - done.small, done.small) == (large * 64 * 64 * 144, small * 8 * 64 * 144)
    assert done.warps == 2 * min(6, large + small)


def test_a_transposed_convolution():
    options = dict(kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4, constants=100)
    made = node("ConvTranspose", [(1, 4, 4, 8)], (1, 8, 8, 16), [("conv_128x16_32x16_f16x4", 5, 64)], **options)
    (done,) = work.count(made, 0.25)
    assert done.macs == 16 * 16 * 8 * 4  # each output pixel reads 2x2 of the 4x4 taps
    assert done.padded == 4 * 32 * 16 * 32  # a tile for each phase
    assert done.bytes == 2 * 4 * 4 * 8 + 400 + 2 * 16 * 16 + 16


def test_a_depthwise_and_a_pointwise_convolution():
    kernels = [("depthwise_3x3_tile_s2_f16x4", 9, 128), ("conv_64x64_8x64_f16x4", 4, 64)]
    options = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, group=16, constants=500)
    made = node("SeparableConv", [(1, 16, 16, 16)], (1, 8, 8, 32), kernels, inner_activation="SiLU", **options)
    depthwise, pointwise = work.count(made, 0.5)
    assert depthwise.macs == 32 * 16 * 9 and depthwise.padded == depthwise.macs
    assert depthwise.bytes == 2 * 2 * 9 * 9 * 16 + (9 * 2 + 4) * 16 + 2 * 32 * 16 + 16
    assert depthwise.operations == 32 * 16 * (work.STORE + work.ACTIVATIONS["SiLU"])
    assert pointwise.macs == 32 * 16 * 32 and pointwise.padded == 4 * 8 * 64 * 16
    assert pointwise.bytes == 2 * 32 * 16 + 2 * 16 * 32 + 4 * 32 + 2 * 32 * 32 + 16
    dense = work.dense_layers(made)
    assert [(macs, depthwise) for macs, _, depthwise in dense] == [(64 * 16 * 9, True), (64 * 16 * 32, False)]
    assert dense[0][1] == 2 * (16 * 16 * 16 + 64 * 16 + 9 * 16) and dense[1][1] == 2 * (64 * 16 + 64 * 32 + 16 * 32)


def test_a_deformable_convolution():
    kernels = [("deform_f16x4", 4, 256), ("conv_64x64_8x64_f16x4", 4, 64)]
    inputs = [(1, 8, 8, 16), (1, 8, 8, 18), (1, 8, 8, 9)]
    samples, product = work.count(node("DeformConv", inputs, (1, 8, 8, 32), kernels, **CONV), 0.25)
    assert samples.bytes == 2 * (6 * 6 * 16 + 16 * (18 + 9) + 16 * 9 * 16) + 16
    assert samples.operations == 16 * 9 * 16 * (work.STORE + 4 + work.PLACE / 4)
    assert product.macs == 16 * 32 * 9 * 16 and product.padded == 2 * 8 * 64 * 144
    assert product.bytes == 2 * 16 * 9 * 16 + 4 * 2400 + 2 * 16 * 32 + 16
    ((macs, _, depthwise),) = work.dense_layers(node("DeformConv", inputs, (1, 8, 8, 32), kernels, **CONV))
    assert macs == 64 * 32 * 9 * 16 and not depthwise


def test_a_sum_with_a_residual_and_a_copied_mask():
    made = node(
        "Add", [(1, 8, 8, 16)] * 2, (1, 8, 8, 16), [("copy", 1, 256), ("pointwise_f16x4", 1, 256)], residual="after"
    )
    copied, added = work.count(made, 0.25)
    assert copied.bytes == 2 * 4 * 4 and copied.mask_words == 0
    assert added.bytes == 4 * 2 * 16 * 16 + 16 and added.macs == 0


def test_a_kernel_that_is_not_counted():
    made = node("Add", [(1, 8, 8, 16)], (1, 8, 8, 16), [("unheard_of", 1, 256)])
    with pytest.raises(PatchskipError, match="the kernel unheard_of is not counted"):
        work.count(made, 1)


def test_a_prediction():
    made = node("Conv", [(1, 64, 64, 64)], (1, 64, 64, 64), [("conv_64x64_8x64_f16x4", 6, 64)], (16, 16), **CONV)
    found = jetson_nano.predict(made, 1)
    macs, lane = 64 * 64 * 64 * 9 * 64, 1e3 / (jetson_nano.FLOAT32_FLOPS / 2)
    assert found.multiplications == pytest.approx(macs * lane / jetson_nano.CONV_EFFICIENCY)
    assert found.operations == pytest.approx(64 * 64 * 64 * work.STORE * lane / jetson_nano.LANE_EFFICIENCY)
    assert (found.tiles, found.memory, found.idle, found.count) == (0, 0, 0, 1) and found.limit == "multiplications"
    assert found.ranking == pytest.approx(4 * jetson_nano.MASK_WORD_US / 1e3)  # eight words, two warps
    parts = found.multiplications + found.operations + found.ranking
    assert found.graph_ms == pytest.approx(parts + jetson_nano.GRAPH_LAUNCH_US / 1e3)
    assert found.stream_ms == pytest.approx(parts + jetson_nano.STREAM_LAUNCH_US / 1e3)
    one = jetson_nano.predict(made, 1 / 256)  # 16 pixels: two small tiles, four of eight warps
    assert one.multiplications == pytest.approx(found.multiplications / 256)
    assert one.tiles == pytest.approx((jetson_nano.SMALL_COST - 1) * one.multiplications)
    assert one.idle == pytest.approx(one.multiplications + one.tiles + one.operations)


def test_a_prediction_that_memory_limits():
    made = node("Add", [(1, 64, 64, 64)] * 2, (1, 64, 64, 64), [("pointwise_f16x4", 4, 256)], (16, 16))
    found = jetson_nano.predict(made, 1)
    size = 3 * 2 * 64**3 + 4 * 256
    assert found.memory == pytest.approx(1e3 * size / jetson_nano.BANDWIDTH / jetson_nano.BANDWIDTH_EFFICIENCY)
    assert found.operations == found.idle == 0


def test_a_dense_prediction():
    made = node("Conv", [(1, 64, 64, 64)], (1, 64, 64, 64), [], (16, 16), **CONV)
    dense = jetson_nano.tensorrt(made)
    rate = jetson_nano.FLOAT16_FLOPS / 2 * jetson_nano.TENSORRT_CONV_EFFICIENCY
    assert dense.multiplications == pytest.approx(1e3 * 64 * 64 * 64 * 9 * 64 / rate) and dense.count == 1
    assert jetson_nano.tensorrt(node("Concat", [(1, 8, 8, 4)] * 2, (1, 8, 8, 8), [])).graph_ms == 0
