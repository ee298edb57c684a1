"""`patchskip inspect` of an engine: from its sidecar, without a GPU."""

import json

import numpy as np
import pytest
from engines import SHAPE, sums, write_engine

from patchskip.runtime import cli


@pytest.fixture
def engine(tmp_path):
    return str(write_engine(tmp_path / "net.engine", sums()))


def test_inspect(engine, capsys):
    assert cli.main(["inspect", engine, "--layers"]) == 0
    out = capsys.readouterr().out
    for words in (
        "float32, made of net.patchskip.onnx",
        "for emulated (sm_53), tensorrt 8.2.1.8, plugin c++ 1",
        "gate exact, threshold 0, patches of 4 pixels",
        "inputs: x [1, 8, 12, 6], active [2, 3]",
        "coverage 100.0%",
        "in 2 tensors",
    ):
        assert words in out, words
    assert len([line for line in out.splitlines() if "MMAC  Add" in line or "MMAC  Mul" in line]) == 2


def test_inspect_as_json(engine, capsys):
    assert cli.main(["inspect", engine, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["tensorrt"], found["precision"], found["sm"]) == ("8.2.1.8", "float32", 53)
    assert found["coverage"] == 1 and found["macs"] == 200 and len(found["nodes"]) == 2
    assert found["state_bytes"] == 2 * 4 * np.prod(SHAPE)


def test_inspect_without_a_sidecar(tmp_path, capsys):
    (tmp_path / "net.engine").write_bytes(b"engine")
    assert cli.main(["inspect", str(tmp_path / "net.engine")]) == 2
    assert "copy both files" in capsys.readouterr().err
