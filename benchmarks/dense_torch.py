"""The dense convolutions that a node replaces, in PyTorch: half precision, channels last, cuDNN's choice of algorithm.

Without bias, activation and residual, each of which would be a kernel of its own, of channels that are joined already
and, where the pads of two sides differ, of an input that is padded already, as PyTorch would copy it: no library would
need less.
"""

from patchskip.runtime.errors import PatchskipError


def import_torch():
    """-> the module, if it has a GPU. Raises PatchskipError."""
    try:
        import torch
    except ImportError as error:
        raise PatchskipError(f"PyTorch cannot be imported ({error}); pip install torch") from error
    if not torch.cuda.is_available():
        raise PatchskipError(f"PyTorch {torch.__version__} finds no GPU; install the build for this machine's CUDA")
    return torch


def layers(torch, node):
    """-> (torch.nn.Sequential with random weights, shape of its input [1, C, H, W]) of a planned.Node: Conv,
    ConvTranspose, SeparableConv or ConcatConv."""
    own = [shape for shape, _ in node.own]
    channels, outputs = sum(shape[3] for shape in own), node.types[node.outputs[0]][0][3]
    size = own[0][1:3]
    if node.op_type != "ConvTranspose":
        pads = node.attributes.get("pads") or [0] * 4
        size = tuple(n + abs(before - after) for n, before, after in zip(size, pads[:2], pads[2:]))
    if node.op_type == "ConcatConv":
        made = [torch.nn.Conv2d(channels, outputs, 1, bias=False)]
    else:
        made = _window(torch, node, channels, channels if node.op_type == "SeparableConv" else outputs)
    if node.op_type == "SeparableConv":
        made.append(torch.nn.Conv2d(channels, outputs, 1, bias=False))
    return torch.nn.Sequential(*made), (1, channels, *size)


def _window(torch, node, channels, outputs):
    a, rank = node.attributes, 2
    kernel, strides = a["kernel_shape"], a.get("strides") or [1] * rank
    dilations, pads = a.get("dilations") or [1] * rank, a.get("pads") or [0] * 2 * rank
    options = {"stride": strides, "dilation": dilations, "groups": a.get("group", 1), "bias": False}
    if node.op_type == "ConvTranspose":
        out, own = node.types[node.outputs[0]][0][1:3], node.own[0][0][1:3]
        full = [(own[i] - 1) * strides[i] - 2 * pads[i] + (kernel[i] - 1) * dilations[i] + 1 for i in range(rank)]
        beyond = [out[i] - full[i] for i in range(rank)]
        return [torch.nn.ConvTranspose2d(channels, outputs, kernel, padding=pads[:2], output_padding=beyond, **options)]
    even = [min(pair) for pair in zip(pads[:2], pads[2:])]
    return [torch.nn.Conv2d(channels, outputs, kernel, padding=even, **options)]


class DenseLayer:
    """A node's dense convolutions on the GPU, several runs of them in a CUDA graph."""

    def __init__(self, torch, node, runs):
        self._torch, self._runs = torch, runs
        torch.backends.cudnn.benchmark = True
        network, shape = layers(torch, node)
        network = network.cuda().half().to(memory_format=torch.channels_last).eval()
        x = torch.randn(shape, device="cuda", dtype=torch.half).to(memory_format=torch.channels_last)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())  # where the network and x are made
        with torch.no_grad(), torch.cuda.stream(side):
            for _ in range(3):  # cuDNN tries its algorithms
                network(x)
        side.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(self._graph):
            for _ in range(runs):
                network(x)
        self._keep = network, x

    def time_ms(self):
        """-> ms of one run."""
        torch = self._torch
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._graph.replay()  # keeps the GPU at work while the CPU asks for what is timed
        start.record()
        self._graph.replay()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / self._runs
