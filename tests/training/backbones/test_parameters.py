"""The parameters have the authors' names and shapes: their checkpoints load, and ours load into their code."""

import hashlib

import pytest

from patchskip.training.backbones import BACKBONES

# parameters; entries of the state_dict and the hash of their sorted lines "name [shape]": those of the authors'
# modules in SangbumChoi/MobileHumanPose a359dd9 (large: 259e674) and ifzhang/FairMOT 4aa6297.
PARAMETERS = {
    "mobilehumanpose": (3_524_736, 397, "ee3888d8034d01fb"),
    "mobilehumanpose-18": (3_500_064, 397, "a38ee03161f1c72f"),
    "mobilehumanpose-large": (3_697_440, 397, "11e7451ffb6934a1"),
    "mobilehumanpose-large-18": (3_648_096, 397, "ae9d3df6ca176061"),
    "fairmot-dlaconv": (19_196_983, 354, "6f9f16d148d89c47"),
    "fairmot-dla": (19_836_711, 402, "2ca05a464f7b898a"),
    "fairmot-resdcn-18": (14_946_648, 181, "7040321f19e149cb"),
    "fairmot-yolo": (5_013_703, 334, "22336a064e1b4d97"),
}
SHAPES = {
    "mobilehumanpose": {
        "first_conv.0.weight": [48, 3, 3, 3],
        "first_conv.2.weight": [48],  # the slopes
        "inv_residual.0.conv.0.0.weight": [48, 1, 3, 3],  # the first block has no expansion
        "inv_residual.16.conv.2.weight": [320, 960, 1, 1],
        "deconv0.0.weight": [96, 96 + 2048, 1, 1],
        "deconv2.3.bias": [256],
        "final_layer.weight": [21 * 32, 256, 1, 1],
    },
    "fairmot-dlaconv": {
        "base.base_layer.0.weight": [16, 3, 7, 7],
        "base.level2.project.0.weight": [64, 32, 1, 1],
        "base.level3.project.0.weight": [128, 64, 1, 1],  # which nothing reads
        "base.level3.tree2.root.conv.weight": [128, 448, 1, 1],
        "dla_up.ida_0.proj_1.conv.weight": [256, 512, 3, 3],
        "dla_up.ida_2.node_3.actf.0.running_mean": [64],
        "ida_up.up_2.weight": [64, 1, 8, 8],
        "wh.2.bias": [4],
        "id.2.weight": [128, 256, 1, 1],
    },
    "fairmot-dla": {
        "dla_up.ida_0.proj_1.conv.weight": [256, 512, 3, 3],
        "dla_up.ida_0.proj_1.conv.bias": [256],
        "dla_up.ida_0.proj_1.conv.conv_offset_mask.weight": [27, 512, 3, 3],
    },
    "fairmot-resdcn-18": {
        "conv1.weight": [64, 3, 7, 7],
        "layer2.0.downsample.0.weight": [128, 64, 1, 1],
        "layer4.1.bn2.running_var": [512],
        "deconv_layers.0.weight": [256, 512, 3, 3],
        "deconv_layers.6.conv_offset_mask.weight": [27, 256, 3, 3],
        "deconv_layers.15.weight": [64, 64, 4, 4],
        "hm.0.weight": [256, 64, 3, 3],
    },
    "fairmot-yolo": {
        "backbone.model.0.conv.conv.weight": [32, 12, 3, 3],
        "backbone.model.4.m.2.cv2.bn.running_var": [64],
        "backbone.model.8.cv2.conv.weight": [512, 1024, 1, 1],
        "backbone.model.21.cv3.conv.weight": [64, 64, 1, 1],
        "id.2.weight": [64, 64, 1, 1],
    },
}


def shapes(name):
    return {key: list(value.shape) for key, value in BACKBONES[name].build().state_dict().items()}


@pytest.mark.parametrize("name", BACKBONES)
def test_names_and_shapes(name):
    found = shapes(name)
    count, entries, digest = PARAMETERS[name]
    lines = "\n".join(f"{key} {shape}" for key, shape in sorted(found.items()))
    assert sum(value.numel() for value in BACKBONES[name].build().parameters()) == count
    assert len(found) == entries
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("name", SHAPES)
def test_some_by_name(name):
    found = shapes(name)
    assert {key: found.get(key) for key in SHAPES[name]} == SHAPES[name]
