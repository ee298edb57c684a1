"""The operators as plugins of TensorRT 10 and newer and of TensorRT for RTX, in Python: where there is no C++ plugin.

    plugin.register(trt, (sm, multiprocessors), report)

What a node is lies in node.h, what it asks of the GPU in plan.h; here are TensorRT's types, and the launches.
"""

import functools
from typing import Any, Dict, List

import numpy as np

from patchskip.runtime.errors import one_line

from .node import OPERATORS, Node, attribute_names

VERSION, NAMESPACE = "1", ""
PLANNED_FOR = "planned_for"  # beside the attributes in an engine: the device that its workspaces are for
_registered: Dict[Any, List[Any]] = {}  # module -> creators, which its registry does not keep alive


def register(trt, device, report):
    """Adds the operators to TensorRT's registry, once.

    trt: the module. device: (compute capability, multiprocessors) that workspaces are planned for while an engine is
    built; when it runs, the plan is made for the GPU that it runs on. report: called with the message of an exception
    in a plugin; TensorRT may go on after one as if nothing had happened, or crash.
    """
    if trt not in _registered:
        registry, reported = trt.get_plugin_registry(), _reporting(report)
        creator_class = _creator_class(trt, _plugin_class(trt, reported), device, reported)
        _registered[trt] = [creator_class(operator) for operator in OPERATORS]
        for creator in _registered[trt]:
            registry.register_creator(creator, NAMESPACE)


def _reporting(report):
    """-> a decorator of methods, which reports the exceptions that leave them."""

    def reported(method):
        @functools.wraps(method)
        def call(self, *arguments):
            try:
                return method(self, *arguments)
            except Exception as error:
                report("{}: {}".format(self.operator, one_line(error)))
                raise

        return call

    return reported


def _creator_class(trt, plugin, device, reported):
    class Creator(trt.IPluginCreatorV3One):  # type: ignore[name-defined]
        def __init__(self, operator):
            trt.IPluginCreatorV3One.__init__(self)
            self.name, self.plugin_version, self.plugin_namespace = operator, VERSION, NAMESPACE
            self.operator = operator
            # The parser passes on the attributes that are named here, of whatever type they are. A collection does not
            # keep its fields alive.
            names = attribute_names(operator)
            self._fields = [trt.PluginField(name, np.empty(0), trt.PluginFieldType.UNKNOWN) for name in names]
            self.field_names = trt.PluginFieldCollection(self._fields)

        @reported
        def create_plugin(self, name, fields, phase):
            attributes = {field.name: _value(trt, field) for field in fields}
            planned_for = attributes.pop(PLANNED_FOR, device)
            return plugin(Node(self.operator, attributes), tuple(int(n) for n in planned_for))

    return Creator


def _plugin_class(trt, reported):
    can_alias = hasattr(trt, "IPluginV3OneBuildV2")  # TensorRT 10.3
    build = trt.IPluginV3OneBuildV2 if can_alias else trt.IPluginV3OneBuild
    capabilities = trt.IPluginV3, trt.IPluginV3OneCore, build, trt.IPluginV3OneRuntime
    to_numpy = {trt.float32: np.float32, trt.float16: np.float16, trt.int32: np.int32}
    dtypes = {kind: np.dtype(dtype) for kind, dtype in to_numpy.items()}
    kinds = {dtype: kind for kind, dtype in dtypes.items()}

    def tensors(descriptions):
        return [(tuple(d.dims), dtypes[d.type]) for d in descriptions]

    class Plugin(*capabilities):  # type: ignore[misc]
        def __init__(self, node, device):
            for capability in capabilities:
                capability.__init__(self)
            self.plugin_name, self.plugin_version, self.plugin_namespace = node.operator, VERSION, NAMESPACE
            self.num_outputs = node.outputs
            self.operator, self._node, self._device = node.operator, node, device
            self._execution = None
            stored = dict(node.attributes, **{PLANNED_FOR: device})
            self._fields = [_field(trt, name, value) for name, value in stored.items()]

        def get_capability_interface(self, kind):
            return self

        def clone(self):
            return Plugin(self._node, self._device)

        # While an engine is built

        @reported
        def get_output_data_types(self, types):
            types = [dtypes.get(kind) for kind in types]
            return [kinds[self._node.output_type(i, types)] for i in range(self.num_outputs)]

        @reported
        def get_output_shapes(self, inputs, shape_inputs, builder):
            shapes = [tuple(size.get_constant_value() for size in dimensions) for dimensions in inputs]
            made = [self._node.output_shape(i, shapes) for i in range(self.num_outputs)]
            return [trt.DimsExprs([builder.constant(int(n)) for n in shape]) for shape in made]

        @reported
        def supports_format_combination(self, position, descriptions, n_inputs):
            types = [dtypes.get(d.desc.type) for d in descriptions[: position + 1]]
            linear = descriptions[position].desc.format == trt.TensorFormat.LINEAR
            return linear and self._node.accepts(types, n_inputs)

        def get_aliased_input(self, output):
            return self._node.aliased_input(output)

        def configure_plugin(self, inputs, outputs):
            """Nothing depends on the choices that are left to TensorRT."""

        @reported
        def get_workspace_size(self, inputs, outputs):
            return self._node.plan(tensors([i.desc for i in inputs]), *self._device).workspace_bytes

        def get_valid_tactics(self):
            return [1]

        def set_tactic(self, tactic):
            """There is one."""

        def get_fields_to_serialize(self):
            return trt.PluginFieldCollection(self._fields)

        # While it runs

        def attach_to_context(self, context):
            return self.clone()

        @reported
        def on_shape_change(self, inputs, outputs):
            self._prepare(inputs)

        @reported
        def enqueue(self, input_descriptions, output_descriptions, inputs, outputs, workspace, stream):
            # A clone of one that knew its shapes may be told nothing else before this.
            execution = self._execution or self._prepare(input_descriptions)
            execution.enqueue(inputs, outputs, workspace, stream)

        def _prepare(self, inputs):
            from .execution import Execution

            self._execution = Execution(self._node, tensors(inputs), self._device)
            return self._execution

    return Plugin


def _field(trt, name, value):
    if isinstance(value, str):
        return trt.PluginField(name, np.frombuffer(value.encode(), np.int8), trt.PluginFieldType.CHAR)
    values = np.asarray(value)
    if values.dtype.kind == "f":
        return trt.PluginField(name, values.astype(np.float32), trt.PluginFieldType.FLOAT32)
    return trt.PluginField(name, values.astype(np.int32), trt.PluginFieldType.INT32)


def _value(trt, field):
    """-> an attribute as planning.Plan takes it: text, or an array."""
    if field.type == trt.PluginFieldType.CHAR:
        return bytes(field.data.astype(np.int8)).split(b"\0")[0].decode()  # some parsers count a final zero
    return field.data.copy()
