"""What a user meets first: the README's commands and links, every command's help, what a wheel contains."""

import argparse
import importlib
import importlib.util
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import zipfile

import pytest

from patchskip.runtime import cli

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "plugins").rglob("README.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ["runtime", "plugins", "export", "training", "benchmarks"]
USES_THE_LIBRARY = """
import patchskip.plugins.library as library
library.Operator("PatchMask", {"size": [4, 4], "patch": 4, "in_patch": [4], "windows": [1, 1, 0, 0] * 2})
print(library.__file__)
"""
WITH_THE_PACKAGE = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
NEEDS_TORCH = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="pip install 'patchskip[train]'")
MODULE_COMMANDS = [
    "patchskip.benchmarks.disturbed",
    "patchskip.benchmarks.eager",
    "patchskip.benchmarks.frontier",
    "patchskip.benchmarks.layers",
    "patchskip.benchmarks.demo",
    "patchskip.benchmarks.kernels",
    "patchskip.training.backbones",
    "patchskip.training.recipes.fairmot",
    "patchskip.training.recipes.mobilehumanpose",
    "patchskip.benchmarks.roofline",
    "patchskip.benchmarks.gpu_check",
    "patchskip.plugins.tensorrt.build",
    pytest.param("patchskip.training.pass_gate", marks=NEEDS_TORCH),
]


def code_lines(page):
    """Shell lines of a page's code blocks, and commands in backquotes, continuation lines joined."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```(?:sh|console|bash)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:patchskip|make|python3? -m patchskip)[^`\n]*)`", text)
    return [line.removeprefix("$ ").strip() for line in lines if line.strip()]


COMMANDS = [(page, line) for page in PAGES for line in code_lines(page)]


def command_parser(name):
    parser = argparse.ArgumentParser(prog=f"patchskip {name}")
    importlib.import_module(cli.COMMANDS[name][0]).add_arguments(parser)
    parser.add_argument("--json")
    parser.add_argument("--quiet", action="store_true")
    return parser


@pytest.mark.parametrize("page, line", COMMANDS, ids=[f"{page.name}: {line[:60]}" for page, line in COMMANDS])
def test_commands_in_the_pages_parse(page, line):
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        targets = {word for word in words[1:] if "=" not in word}
        assert targets <= set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    elif words[0] == "patchskip" and len(words) > 1:
        assert words[1] in cli.COMMANDS, f"there is no command {words[1]}"
        if len(words) > 2:
            command_parser(words[1]).parse_args(words[2:])  # exits when it does not understand
    elif words[:2] in (["python", "-m"], ["python3", "-m"]):
        text = subprocess.run(
            [sys.executable, "-m", words[2], "--help"], capture_output=True, text=True, check=True, env=WITH_THE_PACKAGE
        ).stdout
        assert all(word.split("=")[0] in text for word in words[3:] if word.startswith("--"))


def test_readme_shows_commands():
    assert sum(page.name == "README.md" for page, _ in COMMANDS) > 5


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)):
        if not re.match(r"https?://", target):
            path, _, anchor = target.partition("#")
            found = page.parent / path if path else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_of_every_command(name, capsys):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: patchskip {name}" in text and "--json" in text and "--quiet" in text
    options = [action for action in command_parser(name)._actions if action.dest != "help"]
    assert all(action.help for action in options if action.dest not in ("json", "quiet")), "an option without help"


@pytest.mark.parametrize("module", MODULE_COMMANDS)
def test_help_of_modules(module):
    process = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, env=WITH_THE_PACKAGE
    )
    assert process.returncode == 0 and "usage:" in process.stdout


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in cli.COMMANDS)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """-> path of a wheel built from a copy of the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    unwanted = shutil.ignore_patterns(".git", ".venv", "build", "dist", "demo", "*.so", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "tree", symlinks=True, ignore=unwanted)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, "."]
    subprocess.run(command, cwd=folder / "tree", check=True)
    (path,) = folder.glob("patchskip-*.whl")
    return path


@pytest.mark.slow
def test_wheel_contents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    packages = [init.parent for top in PACKAGES for init in (ROOT / top).rglob("__init__.py")]
    expected = {
        f"patchskip/{path.relative_to(ROOT).as_posix()}" for package in packages for path in package.glob("*.py")
    }
    assert len(expected) > 20
    assert expected <= set(names), expected - set(names)
    assert "patchskip/plugins/libpatchskip.so" in names
    kernels = {f"patchskip/plugins/cuda/device/{path.name}" for path in (ROOT / "plugins/cuda/device").iterdir()}
    assert kernels | {"patchskip/plugins/common/activation.h"} <= set(names)
    assert not [name for name in names if name.startswith("tests") or name.endswith((".o", ".pyc"))]
    metadata = next(name for name in names if name.endswith("entry_points.txt"))
    assert "patchskip = patchskip.runtime.cli:main" in zipfile.ZipFile(wheel).read(metadata).decode()


@pytest.mark.slow
def test_wheel_works_elsewhere(wheel, tmp_path):
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel]
    subprocess.run(command, check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    process = subprocess.run(
        [sys.executable, "-c", USES_THE_LIBRARY], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith(str(target))
