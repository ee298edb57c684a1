"""The CUDA driver by ctypes."""

import pytest

from patchskip.plugins.cuda import driver
from patchskip.runtime.errors import PatchskipError


@pytest.mark.parametrize("file", ["none.so", "text.so"])
def test_no_driver(tmp_path, monkeypatch, file):
    (tmp_path / "text.so").write_text("no library")
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", str(tmp_path / file))
    with pytest.raises(PatchskipError, match=f"no usable NVIDIA driver.*{file}.*install"):
        driver.device()


def test_a_library_that_is_no_driver(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", "libc.so.6")
    with pytest.raises(PatchskipError, match="no usable NVIDIA driver.*cuInit"):
        driver.device()
