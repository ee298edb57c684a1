import json
import os
import struct

import numpy as np
import pytest

import patchskip
from patchskip.plugins import library
from patchskip.runtime.model import picture_size


def refused(path, *words):
    with pytest.raises(patchskip.PatchskipError) as error:
        patchskip.load(str(path))
    message = str(error.value)
    assert "\n" not in message and str(path) in message
    for word in words:
        assert word in message
    return message


def edited(path, **changes):
    """The same model with other metadata."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(path))
    metadata = json.loads(model.metadata_props[0].value)
    metadata.update(changes)
    onnx.helper.set_model_props(model, {"patchskip": json.dumps(metadata)})
    onnx.save(model, str(path))
    return path


def test_what_a_model_knows(counter):
    model = patchskip.load(str(counter), threads=1)
    assert model.threads == 1
    assert model.inputs[0] == {"name": "x", "shape": [1, 2, 4, 5], "dtype": "float32", "layout": "NCHW"}
    assert [layer["op_type"] for layer in model.layers] == ["Image", "Conv"]


@pytest.mark.parametrize("shape, layout", [([1, 3, 4, 5], "NCHW"), ([1, 4, 5, 3], "NHWC"), ([1, 4, 5, 3], "")])
def test_size_of_a_picture(shape, layout):
    assert picture_size({"shape": shape, "layout": layout}) == (4, 5)


def test_a_missing_file(tmp_path, standard_operators):
    refused(tmp_path / "none.onnx", "no such file")


def test_an_empty_file(tmp_path, standard_operators):
    path = tmp_path / "empty.onnx"
    path.touch()
    refused(path, "empty")


def test_not_onnx(tmp_path, standard_operators, rng):
    path = tmp_path / "text.onnx"
    path.write_text("this is not a network\n" * 50)
    refused(path, "not an ONNX file")
    path.write_bytes(bytes(rng.randint(0, 256, 5000).astype(np.uint8)))
    refused(path)


def test_truncated_anywhere(counter):
    whole = counter.read_bytes()
    for share in (0.01, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999):
        counter.write_bytes(whole[: int(len(whole) * share)])
        refused(counter)


def test_an_opset_of_the_future(counter):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(counter))
    model.opset_import[0].version = 999
    onnx.save(model, str(counter))
    refused(counter, "opset")


def test_an_ordinary_network(counter):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(counter))
    del model.metadata_props[:]
    onnx.save(model, str(counter))
    refused(counter, "ordinary ONNX", "patchskip export")


def test_metadata_of_another_format(counter):
    refused(edited(counter, format=99), "format 99", "export it again")


def test_metadata_that_is_not_json(counter):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(counter))
    onnx.helper.set_model_props(model, {"patchskip": "{"})
    onnx.save(model, str(counter))
    refused(counter, "metadata", "export it again")


def test_metadata_of_another_graph(counter):
    refused(edited(counter, states=[]), "y.cache")
    refused(edited(counter, masks=[{"name": "elsewhere", "patch": 2, "size": [4, 5]}]))


def test_a_dynamic_shape(counter):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(counter))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    onnx.save(model, str(counter))
    refused(counter, "dynamic")


@pytest.mark.parametrize("threads", [0, -1, "two", 1.5, True, 100000])
def test_wrong_threads(counter, threads):
    with pytest.raises(patchskip.PatchskipError, match="threads"):
        patchskip.load(str(counter), threads)


def test_threads_of_numpy(counter):
    threads = patchskip.load(str(counter), np.int64(2)).threads
    assert threads == 2 and type(threads) is int


@pytest.mark.parametrize("key", ["inputs", "outputs", "states", "masks", "layers", "dense"])
@pytest.mark.parametrize("entries", [[{}], [1], 1, None])
def test_metadata_with_other_entries(counter, key, entries):
    refused(edited(counter, **{key: entries}), "metadata cannot be read", "export it again")


WRONG = [
    ("inputs", "name", None),
    ("outputs", "shape", ["n"]),
    ("states", "input", ["y.cache"]),
    ("masks", "patch", "2"),
    ("masks", "size", 4),
    ("layers", "macs", None),
    ("dense", "reason", 1),
]


@pytest.mark.parametrize("key, part, value", WRONG)
def test_metadata_of_other_types(counter, key, part, value):
    entries = patchskip.load(str(counter)).metadata[key]
    entries[0][part] = value
    refused(edited(counter, **{key: entries}), "metadata cannot be read", "{}[0].{}".format(key, part), "export it")


@pytest.mark.parametrize(
    "value", [1, {}, {"channels": "BGR", "mean": "0", "std": [1, 1, 1], "fit": "stretch", "pad": 0}]
)
def test_metadata_with_another_preprocessing(counter, value):
    refused(edited(counter, preprocess=value), "metadata cannot be read", "export it again")


def elf(machine, bits=64):
    return b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


@pytest.mark.parametrize(
    "content, word",
    [
        (None, "No such file"),
        (b"", "not a shared library"),
        (b"MZ a library of another system", "not a shared library"),
        (elf(183 if os.uname().machine == "x86_64" else 62), "aarch64" if os.uname().machine == "x86_64" else "x86_64"),
        (elf(62 if os.uname().machine == "x86_64" else 183), "libpatchskip.so"),  # nothing in it
    ],
)
def test_a_library_that_does_not_load(counter, tmp_path, monkeypatch, content, word):
    monkeypatch.undo()  # the real library.path, with another file
    path = tmp_path / "libpatchskip.so"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(library, "FILE", str(path))
    with pytest.raises(patchskip.PatchskipError) as error:
        patchskip.load(str(counter))
    message = str(error.value)
    assert word in message and "plugins/build.py" in message and "pip install ." in message and "\n" not in message


def test_import_is_light():
    import subprocess
    import sys

    code = (
        "import sys, time; t = time.perf_counter(); import patchskip; t = time.perf_counter() - t\n"
        "heavy = {'cv2', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules)\nassert not heavy, heavy\nprint(t)"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    times = [float(subprocess.check_output([sys.executable, "-c", code], env=environment)) for _ in range(3)]
    assert min(times) < 0.05
