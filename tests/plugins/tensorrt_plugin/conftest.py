"""Makes `hosts` importable, and the emulated driver the CUDA driver."""

import gc
import os
import sys

import pytest

from patchskip.plugins.cuda import driver, emulator

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """The plugin finds its context as that of the thread."""
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    made = driver.device()
    made.use()
    yield made
    gc.collect()
