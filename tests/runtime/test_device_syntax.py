"""Device code is Python 3.6, starts with numpy alone, and asks no more of it than numpy 1.13 has."""

import ast
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


def imported(*modules):
    """The modules of benchmarks/ that these import, and these, wherever in a file they do."""
    found, waiting = set(), list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            tree = ast.parse((ROOT / "benchmarks" / f"{module}.py").read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module == "patchskip.benchmarks":
                    waiting += [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module.startswith("patchskip.benchmarks."):
                    waiting.append(node.module.split(".")[2])
    return found


# `patchskip benchmark` and `compare` measure engines on the device.
MEASURING = imported("__init__", "command", "compare")
FILES = (
    sorted((ROOT / "runtime").rglob("*.py"))
    + sorted((ROOT / "plugins").rglob("*.py"))
    + sorted((ROOT / "src" / "patchskip").glob("*.py"))
    + [ROOT / "benchmarks" / f"{name}.py" for name in sorted(MEASURING)]
)
LATER = {"cv2", "onnx", "onnxruntime", "torch", "tensorrt", "pycuda", "scipy"}  # imported where they are used
EXCEPTIONS = {"plugins/reference/onnx_ops.py"}
# Of numpy: 1.13 is Ubuntu's on a Nano. Beside argsort(kind="stable"), for which "mergesort" is the older name:
NEWER_KEYWORDS = {"initial", "prepend", "append"}  # max(initial=), diff(prepend=)
NEWER_FUNCTIONS = {"default_rng", "quantile", "take_along_axis", "put_along_axis", "sliding_window_view"}
NEWER = {"dataclasses", "contextvars", "graphlib", "tomllib", "zoneinfo", "importlib.resources", "importlib.metadata"}


def names(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
            yield from ("{}.{}".format(node.module, alias.name) for alias in node.names)


def at_import(tree):
    """The nodes that run when the module is imported: all but the bodies of functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            waiting.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_device_code(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 6))
    assert "annotations" not in [
        a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "__future__" for a in n.names
    ]
    assert not NEWER & set(names(ast.walk(tree)))
    if path.relative_to(ROOT).as_posix() not in EXCEPTIONS:
        assert not LATER & {name.split(".")[0] for name in names(at_import(tree))}


def newer_numpy(tree):
    """What it asks of numpy that 1.13 has not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NEWER_FUNCTIONS:
            yield node.attr
        elif isinstance(node, ast.keyword):
            stable = node.arg == "kind" and isinstance(node.value, ast.Constant) and node.value.value == "stable"
            if stable or node.arg in NEWER_KEYWORDS:
                yield node.arg


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_numpy_of_the_device(path):
    assert not list(newer_numpy(ast.parse(path.read_text(encoding="utf-8"))))


def test_ruff_knows_them():
    listed = re.search(r'^"benchmarks/{(.+)}\.py" = "py37"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(listed.group(1).split(",")) == MEASURING


def test_the_check_sees_what_it_should():
    if sys.version_info < (3, 8):
        pytest.skip("ast.parse takes feature_version from Python 3.8 on")
    with pytest.raises(SyntaxError):
        ast.parse("if (n := 1): pass", feature_version=(3, 6))
    tree = ast.parse("try:\n import cv2\nexcept ImportError: pass\ndef f():\n import onnx\n")
    assert set(names(at_import(tree))) == {"cv2"} and set(names(ast.walk(tree))) == {"cv2", "onnx"}
    tree = ast.parse("x.max(initial=0); np.argsort(x, kind='stable'); np.sort(x, kind='mergesort'); np.quantile(x, 1)")
    assert sorted(newer_numpy(tree)) == ["initial", "kind", "quantile"]
