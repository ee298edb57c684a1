"""What the tests of the exporter share: small networks made on the spot, the check that an export is the network."""

import os
import pathlib
import sys
import zlib

import numpy as np
import pytest

pytest.importorskip("onnx")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from export_support import Net, compare_stream  # noqa: E402

DATA = pathlib.Path(os.environ.get("PATCHSKIP_TEST_DATA", pathlib.Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture
def rng(request):
    seed = zlib.crc32(request.node.name.encode())
    print("seed", seed)
    return np.random.default_rng(seed)


@pytest.fixture
def net(rng):
    return Net(rng)


@pytest.fixture
def check(rng):
    """check(model, **options of convert) -> metadata of the export, after its stream has been compared with dense."""
    return lambda model, **options: compare_stream(model, rng, **options)


@pytest.fixture
def weights():
    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA}; set PATCHSKIP_TEST_DATA")
    return DATA / "weights"
