"""The command line: `patchskip COMMAND ...`."""

import argparse
import importlib
import os
import signal
import sys

from patchskip import PatchskipError, __version__
from patchskip.runtime.errors import one_line

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
    argv = sys.argv[1:] if argv is None else argv
    try:
        signal.signal(signal.SIGTERM, _interrupt)
    except ValueError:  # not the main thread
        pass
    try:
        status = _run(argv)
        sys.stdout.flush()
        return status
    except PatchskipError as error:
        print("patchskip: " + " ".join(str(error).split()), file=sys.stderr)
        return 2
    except SystemExit as exit:  # argparse: --help, --version, bad usage
        return exit.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `patchskip inspect MODEL | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except MemoryError as error:
        reason = one_line(error)
        print("patchskip: out of memory ({}); close programs, or give smaller pictures".format(reason), file=sys.stderr)
        return 2
    except OSError as error:  # standard output on a full disk, a file without permission
        print("patchskip: {}: {}".format(error.filename or "output", error.strerror or error), file=sys.stderr)
        return 2


def _run(argv):
    command = next((word for word in argv if not word.startswith("-")), None)
    parser = argparse.ArgumentParser(prog="patchskip", description="Patch-skipping inference for video.")
    parser.add_argument("--version", action="version", version="patchskip " + __version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    for name, (module_name, summary) in COMMANDS.items():
        child = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name != command:
            continue
        module = _import(name, module_name)
        module.add_arguments(child)
        child.set_defaults(main=module.main)
        child.add_argument("--json", metavar="FILE", help="write the results as JSON; - is standard output")
        child.add_argument("--quiet", action="store_true", help="print nothing but errors")
    args = parser.parse_args(argv)
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


def _interrupt(signum, frame):
    raise KeyboardInterrupt
