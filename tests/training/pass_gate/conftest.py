"""What the tests of PASS gates share: a small network, a clip in which something moves, gates that decide something."""

import os
import pathlib
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'patchskip[train]'")
sys.path.insert(0, os.fspath(pathlib.Path(__file__).parents[2] / "export"))

from export_support import Net  # noqa: E402

from patchskip.export.analysis import analyse  # noqa: E402
from patchskip.training.pass_gate.gate import PassGate  # noqa: E402

torch.set_num_threads(1)  # more of them wait for each other when the machine is busy
SIZE = (48, 64)


@pytest.fixture
def network(rng):
    """A stem, a depthwise and a pointwise convolution that become one layer, a head."""
    net = Net(rng)
    x = net.op("Relu", net.conv(net.input(1, 3, *SIZE), 3, 8, strides=[2, 2], name="stem"))
    x = net.conv(net.conv(x, 8, 8, group=8, name="depthwise"), 8, 8, 1, name="middle")
    return net.model(net.conv(net.op("Relu", x), 8, 4, name="head"))


@pytest.fixture
def analysis(network):
    return analyse(network, patch=8, preset="unit")


@pytest.fixture
def clip(rng):
    """uint8 [frames, H, W, 3]: a bright square walks over a dark ground."""
    frames = np.repeat(rng.integers(0, 80, (1, *SIZE, 3), np.uint8), 12, axis=0)
    for i, frame in enumerate(frames):
        frame[16:32, 4 * i : 4 * i + 16] = 200
    return frames


@pytest.fixture
def gate(analysis, seed):
    """gate(name, **form) -> PassGate with weights and statistics at random, in inference."""

    def make(name, **form):
        torch.manual_seed(seed)
        made = PassGate(analysis.pass_form(name, **{"width": 6, "depth": 1, "kernel": 3, **form}))
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.01, 0.1)
        if made.form.head == "local":  # what did not change is just skipped
            same = torch.rand(1, made.form.channels, *SIZE)
            with torch.no_grad():
                made.head.bias += 0.01 - made.eval().logits(same, same).median()
        return made.eval()

    return make
