"""The demonstration: `python -m patchskip.benchmarks.demo FOLDER`, which `make demo` calls.

Makes a network and a clip, then runs the commands that anyone would run on their own, and prints them.
"""

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np

import patchskip
from patchskip.benchmarks.accuracy import average_precision
from patchskip.benchmarks.demo_clip import DemoClip
from patchskip.benchmarks.demo_network import build
from patchskip.export.command import save
from patchskip.runtime import cli, opencv, sinks
from patchskip.runtime.errors import exit_status
from patchskip.runtime.files import atomic_path, check_targets, make_folder
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.sources import open_source

FRAMES = 240
PICTURE_FRAME = 40


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.demo", description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where everything is written")
    parser.add_argument("--frames", type=int, default=FRAMES, help="length of the clip (default: %(default)s)")
    parser.add_argument("--picture", metavar="FILE.png", help="also write the picture that the README shows")
    args = parser.parse_args(argv)
    return exit_status(demonstrate, Path(args.folder), args.frames, args.picture)


def demonstrate(folder, frames, picture=None):
    """-> exit status: that of the first command that fails, 1 when the network loses shapes, or 0."""
    make_folder(folder)
    check_targets([picture])
    network, model, clip = folder / "network.onnx", folder / "network.patchskip.onnx", folder / "clip.avi"
    scene = DemoClip(frames)
    save(build(scene.size), network)
    with sinks.video(clip, scene.size, scene.fps) as write:
        for frame in scene:
            write(frame)
    print(f"made {network}, a detector of bright shapes, and {clip}, {frames} frames of them")
    for command in (
        ["export", network, "-o", model, "--gate", "delta", "--halo", "full", "--threshold", "0.15"]
        + ["--input", "u8", "--source", clip],
        ["run", model, clip, folder / "annotated.mp4"],
        ["benchmark", model, "--source", clip, "--dense", network]
        + ["--json", folder / "benchmark.json", "--report", folder / "report.html"],
    ):
        words = [str(word) for word in command]
        print("\n$ patchskip " + shlex.join(words), flush=True)
        status = cli.main(words)
        if status:
            return status
    found = accuracy_of(model, clip, scene)
    print(f"\n{found:.1%} AP50 against where the shapes are. Look at {folder}/report.html and {folder}/annotated.mp4")
    if picture:
        save_picture(model, clip, picture)
    return 0 if found > 0.9 else 1


def accuracy_of(model, clip, scene):
    """AP50 of the boxes against where the shapes truly are."""
    pipeline = Pipeline(patchskip.load(model), "detect")
    found = [pipeline(frame) for frame in open_source(clip)]
    return average_precision(found, [scene.boxes(i) for i in range(len(found))])


def save_picture(model, clip, target):
    """One frame beside the same with the skipped patches dark, as PNG."""
    pipeline = Pipeline(patchskip.load(model), "detect")
    for index, frame in enumerate(open_source(clip)):
        found = pipeline(frame)
        if index == PICTURE_FRAME:
            break
    shaded = frame.copy()
    mask, side = pipeline.stream.image_mask()
    sinks.shade(shaded, mask, side, pipeline.preprocess.scale)
    sinks.draw(shaded, found, lambda number: "shape")
    with atomic_path(target) as path:
        opencv.load().imwrite(path, np.hstack([frame, shaded]))


if __name__ == "__main__":
    sys.exit(main())
