"""The two generations of TensorRT's Python interface: tensors by index (up to 8.4, JetPack 4.6), and by name."""

import collections

from patchskip.runtime.errors import PatchskipError

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}

Tensor = collections.namedtuple("Tensor", "name is_input shape dtype")


def tensors(trt, engine):
    """-> [Tensor] of an engine's inputs and outputs."""
    if hasattr(engine, "num_io_tensors"):
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        listed = [
            (
                name,
                engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT,
                engine.get_tensor_shape(name),
                engine.get_tensor_dtype(name),
            )
            for name in names
        ]
    else:
        listed = [
            (
                engine.get_binding_name(i),
                engine.binding_is_input(i),
                engine.get_binding_shape(i),
                engine.get_binding_dtype(i),
            )
            for i in range(engine.num_bindings)
        ]
    return [Tensor(name, is_input, list(shape), _dtype(name, dtype)) for name, is_input, shape, dtype in listed]


def bind(engine, context, addresses):
    """addresses: {name: int} of every input and output. -> a function that enqueues the network on the stream whose
    handle it is given, and says whether that worked."""
    if hasattr(context, "set_tensor_address"):
        for name, address in addresses.items():
            if not context.set_tensor_address(name, address):
                raise PatchskipError(
                    "TensorRT does not take memory for the tensor {}; build the engine again".format(name)
                )
        return lambda handle: context.execute_async_v3(stream_handle=handle)
    bindings = [addresses[engine.get_binding_name(i)] for i in range(engine.num_bindings)]
    return lambda handle: context.execute_async_v2(bindings=bindings, stream_handle=handle)


def _dtype(name, dtype):
    if dtype.name not in DTYPES:
        raise PatchskipError(
            "the tensor {} is of the type {}, which numpy has not; export again".format(name, dtype.name)
        )
    return DTYPES[dtype.name]
