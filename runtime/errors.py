"""The one exception that users see, and what a command makes of it."""

import contextlib
import operator
import os
import signal
import sys


class PatchskipError(Exception):
    """One line that says what was asked, what was found and how to mend it. Commands print it and exit with 2."""


def one_line(error):
    """-> an exception's message on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def whole_number(value, refusal, least=1):
    """-> a value as an int. Raises PatchskipError(refusal.format(value)) when it is none, or less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise PatchskipError(refusal.format(value)) from None
    if isinstance(value, bool) or number < least:
        raise PatchskipError(refusal.format(value))
    return number


def exit_status(run, *args):
    """-> what a command exits with: what `run(*args)` returns, 0 for done and 1 for a check that failed; or 2 for bad
    usage or input, which is said on one line, 130 interrupted. Other exceptions are bugs, and passed on.
    """
    _interrupt_on("SIGTERM", "SIGHUP")
    try:
        status = run(*args)
        sys.stdout.flush()
        return status
    except PatchskipError as error:
        return _bad(one_line(error))
    except SystemExit as exit:  # argparse: --help, --version, bad usage
        return exit.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `patchskip inspect MODEL | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:  # standard output on a full disk, a file without permission
        return _bad("{}: {}".format(error.filename or "output", error.strerror or error))
    except MemoryError as error:
        said = " ({})".format(one_line(error)) if str(error) else ""
        return _bad(
            "there is not enough memory{}; close other programs, or take smaller pictures or fewer frames".format(said)
        )


def _bad(line):
    print("patchskip: " + line, file=sys.stderr)
    return 2


def _interrupt_on(*names):
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            with contextlib.suppress(ValueError):  # not the main thread
                signal.signal(number, _interrupt)


def _interrupt(signum, frame):
    raise KeyboardInterrupt
