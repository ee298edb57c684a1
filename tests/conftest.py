"""What all tests share: random numbers seeded from the test's name, and the test data, which may be absent."""

import os
import pathlib
import zlib

import numpy as np
import pytest

DATA = pathlib.Path(os.environ.get("PATCHSKIP_TEST_DATA", pathlib.Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def seed(request):
    number = zlib.crc32(request.node.name.encode())
    print("seed", number)
    return number


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA}; set PATCHSKIP_TEST_DATA")
    return DATA
