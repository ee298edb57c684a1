"""The command line: `patchskip COMMAND ...`."""

import argparse
import importlib
import sys

from patchskip import PatchskipError, __version__
from patchskip.runtime.errors import exit_status

# command -> (module, help). A module has add_arguments(parser) and main(args) -> exit status; it is imported when used.
COMMANDS = {
    "export": ("patchskip.export.command", "turn an ONNX network into a patch-skipping one"),
    "calibrate": ("patchskip.export.calibration.command", "choose a model's gates on clips, for an error or a share"),
    "train": ("patchskip.training.command", "train the gates of a network on videos, without labels"),
    "finetune": ("patchskip.training.finetuning.command", "train a model's weights to bear its gates"),
    "build": ("patchskip.runtime.tensorrt.build", "make a TensorRT engine of an exported model"),
    "inspect": ("patchskip.runtime.inspection", "what a model is made of, and what it covers"),
    "run": ("patchskip.runtime.run", "run a model over a video, show and save what it finds"),
    "benchmark": ("patchskip.benchmarks.command", "measure a model against the dense network it came from"),
    "compare": ("patchskip.benchmarks.compare", "compare the outputs of two models, frame by frame"),
    "doctor": ("patchskip.runtime.doctor", "check this installation, and say how to mend it"),
}


def main(argv=None):
    """-> exit status: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted."""
    return exit_status(_run, sys.argv[1:] if argv is None else argv)


def _run(argv):
    command = next((word for word in argv if not word.startswith("-")), None)
    parser = chosen = argparse.ArgumentParser(prog="patchskip", description="Patch-skipping inference for video.")
    parser.add_argument("--version", action="version", version="patchskip " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    for name, (module_name, summary) in COMMANDS.items():
        child = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name != command:
            continue
        chosen = child
        module = _import(name, module_name)
        module.add_arguments(child)
        child.set_defaults(main=module.main)
        form = getattr(module, "JSON", "write the results as JSON")
        child.add_argument("--json", metavar="FILE", help=form + "; - is standard output")
        child.add_argument("--quiet", action="store_true", help="print nothing but errors")
    args, rest = parser.parse_known_args(argv)
    if rest:
        chosen.error("unrecognized arguments: {}; names of files stand before the options".format(" ".join(rest)))
    return args.main(args)


def _import(command, module_name):
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        if (error.name or "").split(".")[0] == "patchskip":
            raise
        raise PatchskipError(
            "`patchskip {}` needs {}, which is not installed; pip install 'patchskip[{}]'".format(
                command, error.name, "cpu" if module_name.startswith("patchskip.runtime") else "export"
            )
        ) from error
