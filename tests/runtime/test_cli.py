import types

import pytest

from patchskip import PatchskipError, __version__
from patchskip.runtime import cli
from patchskip.runtime.progress import Progress


def command(monkeypatch, body):
    """`patchskip doctor` runs `body` instead."""
    module = types.SimpleNamespace(add_arguments=lambda parser: None, main=body)
    monkeypatch.setattr(cli.importlib, "import_module", lambda name: module)


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["run"], ["run", "a", "b", "c", "d"], ["doctor", "--wrong"]])
def test_bad_usage(arguments, capsys):
    assert cli.main(arguments) == 2
    assert "usage: patchskip" in capsys.readouterr().err


def test_a_file_behind_an_option(capsys):
    """argparse would take it for nobody's, with the usage of another command."""
    assert cli.main(["run", "m.onnx", "v.mp4", "--overlay", "none", "out.mp4"]) == 2
    err = capsys.readouterr().err
    assert "usage: patchskip run" in err and "out.mp4; names of files stand before the options" in err


def test_help_and_version(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert cli.main(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(name in out and summary in out for name, (_, summary) in cli.COMMANDS.items())
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "patchskip {}\n".format(__version__)
    assert cli.main(["run", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("MODEL", "SOURCE", "--json", "--quiet", "--save-mot"))


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_of_the_command(monkeypatch, status):
    command(monkeypatch, lambda args: status)
    assert cli.main(["doctor"]) == status


def test_errors_are_one_line(monkeypatch, capsys):
    def fail(args):
        raise PatchskipError("it is\n  broken; mend it")

    command(monkeypatch, fail)
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err == "patchskip: it is broken; mend it\n"


def test_interrupt_and_bugs(monkeypatch):
    def interrupt(args):
        raise KeyboardInterrupt

    def bug(args):
        raise ZeroDivisionError

    command(monkeypatch, interrupt)
    assert cli.main(["doctor"]) == 130
    command(monkeypatch, bug)
    with pytest.raises(ZeroDivisionError):  # a bug is not dressed up as bad input
        cli.main(["doctor"])


def test_a_package_that_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(cli.COMMANDS, "doctor", ("patchskip_no_such_package.command", "x"))
    assert cli.main(["doctor"]) == 2
    err = capsys.readouterr().err
    assert "patchskip_no_such_package" in err and "pip install" in err


class Screen:
    def __init__(self, tty):
        self.text, self.isatty = "", lambda: tty

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize(
    "tty, quiet, expected",
    [
        (True, False, ["\r", "run: 40/100, ", "60.0%", "s left"]),
        (False, False, ["run: 40/100, ", "60.0%", "\n"]),
        (True, True, []),
        (False, True, []),
    ],
)
def test_progress(monkeypatch, tty, quiet, expected):
    clock = [0.0]
    monkeypatch.setattr("patchskip.runtime.progress.time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    screen = Screen(tty)
    with Progress("run", 100, quiet, screen) as progress:
        for i in range(41):
            clock[0] += 0.3
            progress.update(i, "60.0%" if i == 40 else "")
    if not expected:
        assert screen.text == ""
    assert all(word in screen.text or not tty and word in ("60.0%", "run: 40/100, ") for word in expected)
    if not tty and not quiet:
        assert screen.text.count("\n") == 1  # twelve seconds: one line
