"""Reading a network: everything that can be wrong with the file is said here, before any work."""

from __future__ import annotations

import hashlib
import os

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from patchskip.runtime.errors import PatchskipError

MIN_OPSET = 7  # the oldest that ONNX Runtime runs
MAX_OPSET = onnx.defs.onnx_opset_version()
_MAX_BYTES = 2**31 - 1


def read(path: str | os.PathLike) -> onnx.ModelProto:
    """Parse a file, without weights it keeps elsewhere. Raises PatchskipError when it is not a whole ONNX model."""
    path = os.fspath(path)
    if path.endswith((".pt", ".pth")):
        raise PatchskipError(
            f"{path} is a PyTorch file; make an ONNX file of it first: torch.onnx.export(module, example, 'net.onnx')"
        )
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise PatchskipError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (DecodeError, ValueError) as error:
        raise PatchskipError(f"{path} is not an ONNX model, or it is cut off: {_first_line(error)}") from error
    if not model.graph.node:
        raise PatchskipError(f"{path} is not an ONNX model, or it is cut off: it has no nodes")
    return model


def load(path: str | os.PathLike) -> onnx.ModelProto:
    """Read and check a network. Raises PatchskipError as `read`, and for an unknown opset or missing weights."""
    path = os.fspath(path)
    model = read(path)
    try:
        onnx.load_external_data_for_model(model, os.path.dirname(os.path.abspath(path)))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise PatchskipError(
            f"{path} keeps its weights in other files, and one is missing or cut off ({_first_line(error)}); "
            "put them beside it"
        ) from error
    check(model, path)
    return model


def check(model: onnx.ModelProto, name: str = "the model") -> None:
    """Raise PatchskipError unless the model is valid ONNX of an opset that can be exported."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx"))
    if opset is None or not MIN_OPSET <= opset <= MAX_OPSET:
        raise PatchskipError(
            f"{name} uses ONNX opset {opset}; {MIN_OPSET} to {MAX_OPSET} can be exported: "
            "convert it with onnx.version_converter"
        )
    if model.graph.sparse_initializer:
        raise PatchskipError(f"{name} has sparse weights; save it with dense ones")
    if "patchskip" in versions:
        raise PatchskipError(f"{name} is a PatchSkip model already; give the network it was exported from")
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
        for value in inferred.graph.output:  # the checker wants shapes that runtimes do without
            value.type.tensor_type.shape.SetInParent()
        onnx.checker.check_model(inferred)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise PatchskipError(f"{name} is not valid ONNX: {_first_line(error)}; export it again") from error
    except ValueError as error:
        if model.ByteSize() <= _MAX_BYTES:  # more than a protobuf may hold cannot be checked this way
            raise PatchskipError(f"{name} is not valid ONNX: {_first_line(error)}; export it again") from error


def require_fixed_inputs(model: onnx.ModelProto, name: str = "the model") -> None:
    """Raise PatchskipError when an input's shape is left open."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in constants:
            continue
        dims = value.type.tensor_type.shape.dim
        shape = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
        if any(not isinstance(n, int) or n < 1 for n in shape):
            raise PatchskipError(
                f"input {value.name} of {name} has the shape {shape}, and an exported model's shapes are fixed; "
                "give --input-size HEIGHT WIDTH"
            )
        if len(shape) == 4 and value.type.tensor_type.elem_type == TensorProto.FLOAT and shape[0] != 1:
            raise PatchskipError(f"input {value.name} of {name} has batch {shape[0]}; a stream has 1: export it with 1")


def sha256(path: str | os.PathLike) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
