import pytest

from patchskip.benchmarks.named import named
from patchskip.runtime.errors import PatchskipError


def test_names_and_paths():
    assert list(named(["plain=a.onnx", "other=b=c.onnx"]).items()) == [("plain", "a.onnx"), ("other", "b=c.onnx")]


@pytest.mark.parametrize(
    "texts, says",
    [
        (["a.onnx"], "a.onnx has no name; give NAME=MODEL, such as plain=a.onnx"),
        (["x=a.onnx", "x=b.onnx"], "a.onnx and b.onnx are both called x"),
    ],
)
def test_bad_input(texts, says):
    with pytest.raises(PatchskipError, match=says):
        named(texts)
