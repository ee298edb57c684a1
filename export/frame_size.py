"""A network that takes a camera's frame as it is: resized inside, like any layer only where something changed."""

from __future__ import annotations

from patchskip.runtime.errors import PatchskipError

from .geometry import Size
from .layers import Layer
from .masks import side_on
from .network import Network

_BILINEAR = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_floor"}


def take_frame(network: Network, image: str, frame: Size, patch: int) -> None:
    """The input `image` becomes a frame of the size `frame`, (height, width); a Resize makes the picture of it.

    Bilinear, with OpenCV's INTER_LINEAR in common all but the rounding to whole grey levels. patch: side in pixels of
    the picture. Raises PatchskipError when the frame is not of the picture's shape, when its patches would not be
    whole, and when a node that stays dense reads the picture.
    """
    entry = next(entry for entry in network.entries if entry.tensor == image)
    _, channels, height, width = entry.shape
    if frame == (height, width):
        return
    if not side_on(frame, (height, width), patch):
        raise PatchskipError(_refusal(frame, (height, width), patch))
    dense = next((dense.node for dense in network.dense if image in dense.node.reads()), None)
    if dense:
        raise PatchskipError(
            f"--frame-size: {dense.op_type} {dense.label} stays dense and reads the picture itself; leave it out"
        )
    graph = network.graph
    resized = graph.names.new(f"{image}.resized")
    for step in network.steps:
        if isinstance(step, Layer):
            step.inputs = [resized if name == image else name for name in step.inputs]
    shape = (1, height, width, channels)
    layer = Layer(resized, "Resize", [image], resized, shape, shape[1:3], dict(_BILINEAR))
    entry.shape = graph.shapes[image] = (1, channels, *frame)
    graph.shapes[resized] = (1, channels, height, width)
    network.steps.insert(network.steps.index(entry) + 1, layer)


def _refusal(frame: Size, picture: Size, patch: int) -> str:
    sides = " x ".join(f"{patch * n / size:.4g}" for n, size in zip(frame, picture))
    possible = ([n * patch // side for n in frame] for side in range(1, 4 * patch + 1))
    fitting = [
        (height, width)
        for height, width in possible
        if height % 32 == width % 32 == 0 < min(height, width)
        and max(height, width) <= 2 * max(picture)
        and side_on(frame, (height, width), patch)
    ]
    nearest = [f"{height} {width}" for height, width in sorted(fitting, key=lambda size: abs(size[0] - picture[0]))[:4]]
    advice = f"--input-size {', or '.join(nearest)} would do" if nearest else "leave --frame-size out"
    return (
        f"--frame-size {frame[0]} {frame[1]}: a patch of {patch} pixels of the network's {picture[0]} x {picture[1]} "
        f"would be {sides} pixels of the frame; it must be a square of whole ones: {advice}"
    )
