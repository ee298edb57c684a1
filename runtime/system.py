"""The machine as files and commands: one place, which tests replace by another machine's answers."""

import glob
import os
import shutil
import subprocess

WAIT_S = 30


class System(object):
    environment = os.environ

    def read(self, path):
        """-> a text file's content without white space around it; None where it cannot be read."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read().strip(" \t\r\n\0")
        except OSError:
            return None

    def find(self, pattern):
        """-> sorted paths that match."""
        return sorted(glob.glob(pattern))

    def run(self, *command):
        """-> (exit status, negative for a signal; standard output and errors); None where there is no such command."""
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            output = process.communicate(timeout=WAIT_S)[0]
        except OSError:
            return None
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        return process.returncode, output.decode("utf-8", "replace")

    def which(self, program):
        """-> path of a program, or None."""
        return shutil.which(program)
