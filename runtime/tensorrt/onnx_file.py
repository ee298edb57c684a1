"""ONNX files read, changed and written without the onnx package, which no Jetson has.

The classes name the fields of onnx.proto that are used here; all others stay as they are.
"""

import struct
from typing import Dict

import numpy as np

from patchskip.runtime.errors import PatchskipError

from .protobuf import FLOAT, INTEGER, MEMORY, TEXT, Field, Message

FLOAT32, UINT8, INT32, FLOAT16 = 1, 2, 6, 10  # TensorProto.DataType
DTYPES: Dict[int, np.dtype] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(np.bool_),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
}
NUMBERS = {dtype: number for number, dtype in DTYPES.items()}
_EXTERNAL = 1
_HOW_TO_MEND = "export or copy it again"


class Attribute(Message):
    name = Field(1, TEXT)
    kind = Field(20, INTEGER)


# AttributeProto.AttributeType -> the field that holds the value.
_VALUES = {
    1: Field(2, FLOAT),
    2: Field(3, INTEGER),
    3: Field(4, TEXT),
    6: Field(7, FLOAT, many=True),
    7: Field(8, INTEGER, many=True),
    8: Field(9, TEXT, many=True),
}
_KINDS = {float: 1, int: 2, str: 3}
_MANY = 5  # from the kind of a value to that of a list of them


class Node(Message):
    inputs = Field(1, TEXT, many=True)
    outputs = Field(2, TEXT, many=True)
    name = Field(3, TEXT)
    op_type = Field(4, TEXT)
    _attributes = Field(5, Attribute, many=True)
    domain = Field(7, TEXT)

    @property
    def attributes(self):
        """{name: float, int, str or a list of these}. One of another kind (a tensor, a graph) is not here."""
        return {a.name: _VALUES[a.kind].__get__(a) for a in self._attributes if a.kind in _VALUES}

    def set_attribute(self, name, value):
        """value: float, int, str or a list of these, not empty."""
        many = isinstance(value, (list, tuple))
        kind = _KINDS[type(value[0] if many else value)] + _MANY * many
        made = Attribute(name=name, kind=kind)
        _VALUES[kind].__set__(made, value)
        self._attributes = [a for a in self._attributes if a.name != name] + [made]


class Tensor(Message):
    dims = Field(1, INTEGER, many=True)
    data_type = Field(2, INTEGER)
    float_data = Field(4, FLOAT, many=True)
    int32_data = Field(5, INTEGER, many=True)  # also of uint8, bool and float16 (its bits)
    int64_data = Field(7, INTEGER, many=True)
    name = Field(8, TEXT)
    raw_data = Field(9, MEMORY)
    location = Field(14, INTEGER)

    @classmethod
    def of(cls, name, array):
        data = np.ascontiguousarray(array)
        return cls(name=name, dims=array.shape, data_type=NUMBERS[array.dtype], raw_data=data.tobytes())

    def array(self):
        """-> array. Raises PatchskipError when its data is of another size."""
        if self.data_type not in DTYPES:
            raise PatchskipError(
                "the tensor {} is of the type {}, which is not known".format(self.name, self.data_type)
            )
        dtype, dims = DTYPES[self.data_type], self.dims
        if self.raw_data is not None:
            size, values = len(self.raw_data) // dtype.itemsize, self.raw_data
        else:
            values = np.array(self.float_data or self.int32_data or self.int64_data)
            values = values.astype(np.uint16).view(dtype) if self.data_type == FLOAT16 else values.astype(dtype)
            size = values.size
        if size != int(np.prod(dims, dtype=np.int64)):
            raise PatchskipError(
                "the tensor {} has {} values for the shape {}; {}".format(self.name, size, dims, _HOW_TO_MEND)
            )
        return np.frombuffer(values, dtype, size).reshape(dims)


class _Dimension(Message):
    value = Field(1, INTEGER)


class _Shape(Message):
    dimensions = Field(1, _Dimension, many=True)


class _TensorType(Message):
    elem_type = Field(1, INTEGER)
    shape = Field(2, _Shape)


class _Type(Message):
    tensor = Field(1, _TensorType)


class Value(Message):
    """An input or output of the graph."""

    name = Field(1, TEXT)
    _type = Field(2, _Type)

    @classmethod
    def of(cls, name, dtype, shape):
        shape = _Shape(dimensions=[_Dimension(value=n) for n in shape])
        return cls(name=name, _type=_Type(tensor=_TensorType(elem_type=NUMBERS[np.dtype(dtype)], shape=shape)))

    @property
    def shape(self):
        """ints; 0 where the file does not say."""
        shape = self._tensor().shape
        return tuple(dimension.value for dimension in shape.dimensions) if shape else ()

    @property
    def dtype(self):
        """numpy's; None for one it does not have."""
        return DTYPES.get(self._tensor().elem_type)

    @dtype.setter
    def dtype(self, dtype):
        self._tensor().elem_type = NUMBERS[np.dtype(dtype)]

    def _tensor(self):
        """Its type; an empty one for what is no tensor."""
        return (self._type or _Type()).tensor or _TensorType()


class Graph(Message):
    nodes = Field(1, Node, many=True)
    name = Field(2, TEXT)
    initializers = Field(5, Tensor, many=True)
    inputs = Field(11, Value, many=True)
    outputs = Field(12, Value, many=True)
    value_info = Field(13, Value, many=True)


class Opset(Message):
    domain = Field(1, TEXT)
    version = Field(2, INTEGER)


class Property(Message):
    key = Field(1, TEXT)
    value = Field(2, TEXT)


class Model(Message):
    ir_version = Field(1, INTEGER)
    producer = Field(2, TEXT)
    graph = Field(7, Graph)
    opsets = Field(8, Opset, many=True)
    properties = Field(14, Property, many=True)

    def opset(self, domain=""):
        return next((entry.version for entry in self.opsets if entry.domain == domain), 0)

    def property(self, key):
        """-> str, or None when there is no such entry."""
        return next((entry.value for entry in self.properties if entry.key == key), None)

    def set_property(self, key, value):
        self.properties = [entry for entry in self.properties if entry.key != key] + [Property(key=key, value=value)]


def read(data):
    """-> Model of a file's content. Raises PatchskipError when it is not an ONNX model with all its weights inside."""
    try:
        model = Model(data)
        graph = model.graph
        whole = all([entry.name or entry.dtype for entry in graph.inputs + graph.outputs + graph.initializers])
        whole = whole and all([node.op_type and node.attributes is not None for node in graph.nodes])
        whole = whole and bool(graph.nodes and model.opsets)
    except (AttributeError, ValueError, struct.error):
        whole = False
    if not whole:
        raise PatchskipError("it is not an ONNX file, or it is truncated; " + _HOW_TO_MEND)
    for tensor in graph.initializers:
        if tensor.location == _EXTERNAL:
            raise PatchskipError(
                "its weights {} are in another file; join the two with "
                "onnx.save(onnx.load('network.onnx'), 'joined.onnx') and export that".format(tensor.name)
            )
    return model
