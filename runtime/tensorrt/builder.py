"""ONNX -> engine. A process of its own, which build.py starts: TensorRT ends it when something is badly wrong, and the
system does when memory runs out.

`python -m patchskip.runtime.tensorrt.builder`: JSON on standard input and output. The request:

    model, output    paths of the exported model and of the engine
    precision        float32 or float16
    workspace        bytes, at least; more when a node of ours needs more
    timing_cache     a path, or null
    plugin           as loading.load takes it
    device           [compute capability, multiprocessors] to plan for; null: this machine's GPU, without one the Nano's
    verbose          all that TensorRT says goes to standard error

The answer: {"error": a line} or {"sidecar": what is written beside the engine, "notes": what the user should know}.
"""

import hashlib
import json
import os
import sys

from patchskip.plugins.cuda import driver
from patchskip.runtime import files
from patchskip.runtime.errors import PatchskipError, one_line

from . import engine_log, loading, onnx_file, prepare
from .build import MIB, check_memory

NEWEST_OPSET = 24
OLDER = "export the network with opset 13 (torch.onnx.export(..., opset_version=13)), which every TensorRT knows"


def main():
    request = json.loads(sys.stdin.read())
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what TensorRT prints is no answer

    def answer(content):
        stream.write(json.dumps(content))
        stream.flush()

    def give_up(message):
        """TensorRT would go on without the plugin that failed, or crash."""
        answer({"error": "building an engine of {}: {}".format(request["model"], message)})
        os._exit(0)

    try:
        answer(build(request, give_up))
    except PatchskipError as error:
        answer({"error": str(error)})
    except OSError as error:
        answer({"error": "{}: {}".format(error.filename or "building the engine", error.strerror or error)})


def build(request, give_up):
    """-> the answer. give_up: called with a message when one of our plugins fails."""
    model, precision, cache = request["model"], request["precision"], request["timing_cache"]
    prepared, sidecar = _prepare(model, precision)
    workspace = _workspace(model, request["workspace"], sidecar["metadata"]["workspace_bytes"])
    gpu, reason = _gpu()
    here = (gpu.sm, gpu.multiprocessors) if gpu else (53, 1)
    loaded = loading.load(None, request["plugin"], tuple(request["device"] or here))
    if not gpu and loaded.flavour == "tensorrt":
        raise PatchskipError("TensorRT builds an engine on the GPU that it is for: {}".format(reason))
    trt, log = loaded.trt, loaded.log
    log.stream, log.failed = sys.stderr if request["verbose"] else None, give_up
    builder = trt.Builder(log)
    network, _parser = _parse(trt, builder, prepared, log, model)
    del prepared
    config = _configure(trt, builder, precision, workspace)
    notes = _read_timing_cache(config, cache) if cache else []
    engine = _serialised(builder, network, config)
    if engine is None:
        raise PatchskipError("TensorRT cannot build an engine of {}: {}".format(model, log.last()))
    notes += _check_layers(model, log.layers, sidecar["metadata"]["states"])
    if cache:
        _write(cache, config.get_timing_cache().serialize())
    content = memoryview(engine)
    _write(request["output"], content)
    sidecar.update(
        tensorrt=loaded.version,
        flavour=loaded.flavour,
        gpu=gpu and gpu.name,
        sm=gpu and gpu.sm,
        plugin=loaded.plugin,
        workspace_bytes=workspace,
        engine={"sha256": hashlib.sha256(content).hexdigest(), "bytes": content.nbytes},
    )
    return {"sidecar": sidecar, "notes": notes}


def _gpu():
    """-> driver.Device, or None and why."""
    try:
        return driver.device(), ""
    except PatchskipError as error:
        return None, str(error)


def _prepare(path, precision):
    """-> the prepared model, what the sidecar says of it."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        opset = onnx_file.read(data).opset()
        if opset > NEWEST_OPSET:
            raise PatchskipError("it is of opset {}, {} is the newest known; {}".format(opset, NEWEST_OPSET, OLDER))
        prepared = prepare.prepare(data, precision, path)
    except PatchskipError as error:
        raise PatchskipError("cannot build an engine of {}: {}".format(path, error)) from None
    return prepared, {
        "format": 1,
        "onnx": {"file": os.path.basename(path), "sha256": hashlib.sha256(data).hexdigest()},
        "precision": precision,
        "metadata": json.loads(onnx_file.read(prepared).property(prepare.DOMAIN)),
    }


def _workspace(model, requested, needed):
    """TensorRT crashes, or builds no engine, when a plugin needs more than it is allowed. -> bytes to allow"""
    if needed > requested:
        check_memory(model, -(-needed // MIB), or_else="export with a smaller --input-size")
    return max(requested, needed)


def _parse(trt, builder, data, log, model):
    """-> the network, its inputs and outputs laid out as in the model; the parser, which owns the weights."""
    flags = 0
    for name in ("EXPLICIT_BATCH", "STRONGLY_TYPED"):
        if hasattr(trt.NetworkDefinitionCreationFlag, name):
            flags |= 1 << int(getattr(trt.NetworkDefinitionCreationFlag, name))
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(data):
        errors = [one_line(parser.get_error(i)) for i in range(parser.num_errors)]
        opset = onnx_file.read(data).opset()
        errors += ["it is of opset {}: {}".format(opset, OLDER)] if opset > 13 else []
        raise PatchskipError(
            "{} {} does not take {}: {}".format(trt.__name__, trt.__version__, model, "; ".join(errors))
        )
    tensors = [network.get_input(i) for i in range(network.num_inputs)]
    for tensor in tensors + [network.get_output(i) for i in range(network.num_outputs)]:
        tensor.allowed_formats = 1 << int(trt.TensorFormat.LINEAR)
    return network, parser


def _configure(trt, builder, precision, workspace):
    config = builder.create_builder_config()
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    else:
        config.max_workspace_size = workspace
    if precision == "float16" and not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        config.set_flag(trt.BuilderFlag.FP16)
    if precision == "float32" and hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)  # on by default: ten bits of a product, and a gate is a threshold
    if hasattr(trt, "ProfilingVerbosity") and hasattr(trt.ProfilingVerbosity, "DETAILED"):
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if hasattr(trt, "PreviewFeature") and hasattr(trt.PreviewFeature, "ALIASED_PLUGIN_IO_10_03"):
        config.set_preview_feature(trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03, True)
    return config


def _serialised(builder, network, config):
    if hasattr(builder, "build_serialized_network"):
        return builder.build_serialized_network(network, config)
    engine = builder.build_engine(network, config)
    return engine and engine.serialize()


def _read_timing_cache(config, path):
    data = b""
    if os.path.exists(path):
        with open(path, "rb") as file:
            data = file.read()
    cache = config.create_timing_cache(data)
    if cache is not None and config.set_timing_cache(cache, False):
        return []
    config.set_timing_cache(config.create_timing_cache(b""), False)
    return ["the timing cache {} is of another TensorRT or GPU: it begins anew".format(path)]


def _write(path, content):
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(content)


def _check_layers(model, layers, states):
    copied = engine_log.copies(layers, states)
    if copied:
        raise PatchskipError(
            "TensorRT would copy states of {} on every frame ({}); report this with the output of --verbose".format(
                model, ", ".join(layer.name for layer in copied)
            )
        )
    if engine_log.knows(layers, states):
        return []
    return ["TensorRT does not list the engine's layers as is known here: whether it copies states is not known"]


if __name__ == "__main__":
    main()
