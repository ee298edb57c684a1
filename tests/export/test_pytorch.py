"""What PyTorch's exporter makes of modules in common use, with fixed and with open shapes."""

import io
import warnings

import onnx
import pytest

from patchskip.export import set_input_size

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional
pytestmark = pytest.mark.slow


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        factor = self.b(functional.relu(self.a(functional.adaptive_avg_pool2d(x, 1))))
        return x * functional.hardsigmoid(factor)


class InvertedResidual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        wide = 4 * channels
        self.layers = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.Hardswish(),
            nn.Conv2d(wide, wide, 5, padding=2, groups=wide),
            nn.BatchNorm2d(wide),
            nn.Hardswish(),
            SqueezeExcite(wide),
            nn.Conv2d(wide, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return x + self.layers(x)


class Shuffle(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.layers = nn.Sequential(nn.Conv2d(half, half, 3, padding=1), nn.PReLU(half))

    def forward(self, x):
        kept, changed = x.chunk(2, 1)
        x = torch.cat([kept, self.layers(changed)], 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.focus = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(12, 16, 3, padding=1)
        self.unshuffle = nn.PixelUnshuffle(2)
        self.first = nn.Sequential(InvertedResidual(16), Shuffle(16))
        self.down, self.second = nn.Conv2d(16, 32, 3, 2, 1), InvertedResidual(32)
        self.up = nn.Sequential(nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16))
        self.lateral, self.head, self.classes = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 7, 1), nn.Linear(32, 10)
        self.mish = nn.Mish()

    def forward(self, x):
        fine = self.first(functional.silu(self.stem(x)) + self.focus(self.unshuffle(x)))
        coarse = self.second(functional.leaky_relu(self.down(fine), 0.1))
        y = functional.gelu(self.up(coarse) + self.lateral(fine))
        pooled = self.mish(functional.avg_pool2d(y, 3, 2, 1))
        y = self.head(y + functional.interpolate(pooled, size=y.shape[2:], mode="bilinear", align_corners=True))
        classes = self.classes(coarse.mean((2, 3)))
        return y.flatten(2).transpose(1, 2), classes, torch.softmax(y, 1), torch.sigmoid(y) * 2


@pytest.fixture
def network(rng):
    torch.manual_seed(int(rng.integers(1 << 31)))
    module = Network().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.uniform_(0.5, 2)
            part.running_mean.normal_()
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
    return module


def exported(module, **options):
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, torch.zeros(1, 3, 48, 64), file, dynamo=False, input_names=["x"], **options)
    return onnx.load_from_string(file.getvalue())


@pytest.mark.parametrize("opset", [11, 13, 17])
def test_a_network_of_many_parts(network, check, opset):
    found = check(exported(network, opset_version=opset), fewer=False)
    assert found["coverage"] > 0.99
    # GELU and Mish have no place among the activations; the classifier and the softmax are not local.
    assert {node["op_type"] for node in found["dense"]} <= {
        "Erf",
        "Softplus",
        "Tanh",
        "ReduceMean",
        "Gemm",
        "Softmax",
        "Transpose",
    }


def test_open_shapes(network, check):
    model = exported(network, opset_version=13, dynamic_axes={"x": {0: "n", 2: "h", 3: "w"}})
    assert check(set_input_size(model, (64, 48)), fewer=False)["coverage"] > 0.99
