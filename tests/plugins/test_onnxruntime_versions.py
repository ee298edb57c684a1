"""The library in an old and in the newest ONNX Runtime: two frames of a stateful model, its state bound in place."""

import os
import subprocess
import sys

import pytest
from opcases.convolution import conv
from opcases.problems import problem
from opcases.session import model

from patchskip.plugins import library

# The oldest that has wheels for the Python of the test, by its version; and the newest there is.
OLDEST = {(3, 9): "1.10.0", (3, 10): "1.11.0", (3, 11): "1.15.0", (3, 12): "1.17.0", (3, 13): "1.20.0"}

PROGRAM = """
import sys
import numpy as np
import onnxruntime as ort

model, library, arrays = sys.argv[1:]
given = np.load(arrays)
options = ort.SessionOptions()
options.register_custom_ops_library(library)
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
names = [value.name for value in session.get_inputs()]
state = np.full_like(given["x1"], np.nan)
for frame, active in enumerate((np.ones_like(given["x0"]), given["x0"])):
    x = given["x2"] * (1 + frame)
    binding = session.io_binding()
    for name, array in (("x0", active), ("x1", state), ("x2", x)):
        binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    binding.bind_output("y0", "cpu", 0, np.float32, state.shape, state.ctypes.data)
    session.run_with_iobinding(binding)
np.save(arrays + ".result.npy", state)
print(ort.__version__)
"""


def environment(folder, requirements):
    """A virtual environment with `requirements`; -> its Python. Skips the test where they cannot be had."""
    python = os.path.join(str(folder), "bin", "python")
    pip = [sys.executable, "-m", "pip", "--python", python]
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        pip + ["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", *requirements],
    ):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        if done.returncode:
            pytest.skip("cannot install {}: {}".format(" ".join(requirements), done.stdout.strip()[-300:]))
    return python


@pytest.mark.slow
@pytest.mark.parametrize("age", ["oldest", "newest"])
def test_state_in_place(age, tmp_path):
    import numpy as np

    from patchskip.plugins.reference import patches

    version = OLDEST.get(sys.version_info[:2])
    if age == "oldest" and version is None:
        pytest.skip("no old onnxruntime known for Python {}.{}".format(*sys.version_info[:2]))
    old = ["onnxruntime==" + version, "numpy<2"] if age == "oldest" else ["onnxruntime", "numpy"]
    python = environment(tmp_path / "venv", old)

    case = problem(conv("versions", (24, 20), 8, 24, patch=4, in_place=1, activation="SiLU"))
    case = case._replace(outputs=case.outputs[:1])
    (tmp_path / "case.onnx").write_bytes(model(case).SerializeToString())
    arrays = tmp_path / "arrays.npz"
    np.savez(arrays, x0=case.inputs[0], x1=case.inputs[1], x2=case.inputs[2])
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [python, "program.py", "case.onnx", library.path(), str(arrays)],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    assert done.returncode == 0, done.stdout
    if age == "oldest":
        assert done.stdout.strip().splitlines()[-1] == version

    found = np.load(str(arrays) + ".result.npy")
    weights = case.inputs[3:]
    dense = patches.patch_skip(
        np.ones_like(case.inputs[0]), case.inputs[1], case.inputs[2], *weights, **case.attributes
    )[0]
    expected = patches.patch_skip(case.inputs[0], dense, case.inputs[2] * 2, *weights, **case.attributes)[0]
    assert 0 < case.inputs[0].sum() < case.inputs[0].size
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
