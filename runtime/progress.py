"""Progress of long work, on standard error."""

import sys
import time


class Progress:
    """`with Progress("run", total) as progress: progress.update(done)`; `total` may be None.

    On a terminal one line is rewritten; elsewhere a line is printed every ten seconds, so short work prints nothing.
    """

    def __init__(self, what, total=None, quiet=False, stream=None):
        self._what, self._total, self._quiet = what, total, quiet
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._period = 0.2 if self._live else 10.0
        self._start = self._last = time.monotonic()

    def update(self, done, note=""):
        now = time.monotonic()
        if self._quiet or now - self._last < self._period:
            return
        self._last = now
        rate = done / (now - self._start)
        line = "{}: {}{}, {:.1f}/s".format(self._what, done, "/{}".format(self._total) if self._total else "", rate)
        if self._total and rate > 0:
            line += ", {:.0f} s left".format(max(self._total - done, 0) / rate)
        line += ", " + note if note else ""
        self._stream.write("\r\x1b[K" + line if self._live else line + "\n")
        self._stream.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._live and not self._quiet:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
