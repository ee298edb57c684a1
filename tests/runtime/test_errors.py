import errno
import os
import signal

import pytest

from patchskip.runtime.errors import PatchskipError, exit_status


@pytest.mark.parametrize("status", [0, 1])
def test_what_the_command_returns(status, capsys):
    assert exit_status(lambda *args: status + len(args) - 2, "two", "arguments") == status
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
def test_a_terminal_that_closes_interrupts():
    """Unless somebody asked that it does not, as nohup does."""
    before = signal.getsignal(signal.SIGHUP)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert exit_status(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 130
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert exit_status(lambda: os.kill(os.getpid(), signal.SIGHUP) or 0) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "error, status, said",
    [
        (PatchskipError("it is\n  broken; mend it"), 2, "it is broken; mend it"),
        (PermissionError(errno.EACCES, "Permission denied", "a.txt"), 2, "a.txt: Permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "output: No space left on device"),
        (MemoryError(), 2, "there is not enough memory; close other programs"),
        (MemoryError("Unable to allocate\n3 GiB"), 2, "enough memory (Unable to allocate 3 GiB); close other programs"),
        (KeyboardInterrupt(), 130, None),
        (SystemExit(2), 2, None),
    ],
    ids=repr,
)
def test_errors_are_one_line(error, status, said, capsys):
    def run():
        raise error

    assert exit_status(run) == status
    err = capsys.readouterr().err
    if said is None:
        assert err == ""
    else:
        assert err.startswith("patchskip: ") and said in err and err.count("\n") == 1


def test_terminated():
    assert exit_status(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130


def test_bugs_are_not_dressed_up():
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 // 0)
