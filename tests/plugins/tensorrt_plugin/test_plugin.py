"""The TensorRT plugin in what stands for TensorRT (hosts.py): shapes, types, an engine's bytes, what it computes."""

import hosts
import numpy as np
import pytest
from hosts import Refused
from opcases.cases import CASES
from opcases.gpu import Gpu
from opcases.planned import Planned
from opcases.problems import check, problem, without_cache

from patchskip.plugins.cuda import planning

each = pytest.mark.parametrize("host", hosts.EACH, indirect=True)
each_that_logs = pytest.mark.parametrize("host", hosts.LOGGING, indirect=True)


@pytest.fixture
def host(request):
    made = hosts.make(request.param)
    made.log()
    return made


def test_what_is_tested_here():
    """Skips when something is not; the other tests do not say so each."""
    missing = ([] if hosts.INCLUDES else [hosts.MISSING]) + ([] if hosts.REGISTRIES else [hosts.NO_REGISTRY])
    if missing:
        pytest.skip("; ".join(missing))


def chosen():
    """One case for each operator, op_type, gated or not, with weights or without, in place or not."""
    kinds = {}
    for spec in CASES:
        case = problem(spec)
        call = case.attributes
        decides = call.get("mode"), "threshold" in call, "weights" in call
        kinds.setdefault((case.operator, call.get("op_type"), *decides, bool(case.alias)), case)
    return list(kinds.values())


SOME = chosen()
some = pytest.mark.parametrize("case", SOME, ids=lambda case: case.name)
ADD = next(case for case in SOME if case.attributes.get("op_type") == "Add" and "threshold" not in case.attributes)


class Prepared:
    """A problem as a node of a prepared model: operator, attributes; inputs and outputs as [(shape, dtype)]."""

    def __init__(self, planned):
        self.operator, self.attributes = planned.problem.operator, dict(planned.attributes)
        arrays = [planned.inputs[0] if array is None else array for array in planned.inputs]  # which nobody reads
        self.inputs = [(array.shape, array.dtype) for array in arrays]
        for i, (shape, dtype) in enumerate(self.inputs):
            if dtype == np.uint8:
                self.attributes["picture"] = shape
                self.inputs[i] = (-(-int(np.prod(shape)) // 4),), np.dtype(np.int32)
        self.outputs = planned.plan.outputs[: 2 if "threshold" in planned.attributes else 1]
        self.workspace_bytes = planned.plan.workspace_bytes

    def plugin(self, host):
        return host.create(self.operator, self.attributes)


def prepared(case):
    return Prepared(Planned(case, sm=53, multiprocessors=1))


@each
@some
def test_shapes_and_types(host, case):
    node = prepared(case)
    plugin = node.plugin(host)
    assert plugin.outputs == len(node.outputs)
    for i, expected in enumerate(case.expected[: plugin.outputs]):
        assert plugin.output(i, node.inputs) == (expected.shape, expected.dtype)


TYPES = [np.dtype(name) for name in ("float32", "float16", "int32", "uint8", "int8")]


def types_at(node, position):
    """The types that a plugin takes at a position, given those before it."""
    call, given = node.attributes, node.inputs[position][1]
    free = position == 1 and (node.operator == "PatchSkip" or call.get("mode") == "exact")
    return set(TYPES[:2]) if free else {given}


@each
@some
def test_formats(host, case):
    node = prepared(case)
    plugin, count = node.plugin(host), len(node.inputs)
    tensors = node.inputs + node.outputs
    for position in range(len(tensors)):
        assert plugin.accepts(position, node.inputs, node.outputs)
        assert not plugin.accepts(position, node.inputs, node.outputs, linear=False)
        for dtype in TYPES:
            others = list(tensors)
            others[position] = tensors[position][0], dtype
            expected = types_at(node, position) if position < count else {tensors[position][1]}
            assert plugin.accepts(position, others[:count], others[count:]) == (dtype in expected), (position, dtype)


@each
@pytest.mark.parametrize("case", [case for case in SOME if case.constants], ids=lambda case: case.name)
def test_constants_are_for_one_type(host, case):
    """Those packed for float16 make the plugin take float16 alone, those for float32 float32."""
    given = [array if i in case.constants else (array.shape, array.dtype) for i, array in enumerate(case.inputs)]
    for packed_for in TYPES[:2]:
        prepared(case)  # skips what is not written
        attributes, inputs = planning.packed(case.operator, case.attributes, given, packed_for)
        plugin, last = host.create(case.operator, attributes), len(inputs) - 1
        assert plugin.outputs == (2 if "threshold" in attributes else 1)
        for dtype in TYPES[:2]:
            tensors = [inputs[0], *((shape, dtype) for shape, _ in inputs[1:last]), (inputs[last].shape, TYPES[2])]
            outputs = [(inputs[1][0], dtype), inputs[0]][: plugin.outputs]
            assert plugin.accepts(last + len(outputs), tensors, outputs) == (dtype == packed_for)


@each
@pytest.mark.parametrize("half", [0, 1])
def test_an_engines_type(host, half):
    """Without packed constants either type would do, if the node did not say which; so does what an engine holds."""
    node, dtype = prepared(ADD), TYPES[half]
    attributes = {name: value for name, value in node.attributes.items() if name not in ("activation", "constants")}
    inputs = [node.inputs[0], *((shape, dtype) for shape, _ in node.inputs[1:4])]
    outputs = [(node.outputs[0][0], dtype)]
    plugin = host.create("PatchSkip", dict(attributes, half=half))
    plugin.configure(inputs, outputs)
    for one in (plugin, plugin.clone(), host.deserialise("PatchSkip", plugin.serialised())):
        for other in TYPES[:2]:
            assert one.accepts(1, [inputs[0], (inputs[1][0], other), *inputs[2:]], outputs) == (other == dtype)
        assert one.accepts(len(inputs), inputs, outputs)


@each
@some
def test_what_an_engine_holds(host, case):
    """A plugin that is read back, and a copy of it, are the plugin that was written."""
    node = prepared(case)
    plugin = node.plugin(host)
    plugin.configure(node.inputs, node.outputs)
    data = plugin.serialised()
    for other in (host.deserialise(case.operator, data), plugin.clone()):
        assert other.serialised() == data
        assert [other.output(i, node.inputs) for i in range(other.outputs)] == node.outputs
        assert [other.aliased_input(i) for i in range(2)] == [plugin.aliased_input(i) for i in range(2)]
        assert other.workspace(node.inputs, node.outputs) == node.workspace_bytes


@each_that_logs
def test_bytes_that_are_not_the_plugins(host, rng):
    node = prepared(ADD)
    data = node.plugin(host).serialised()
    for size in range(len(data)):
        with pytest.raises(Refused, match="build the engine again"):
            host.deserialise("PatchSkip", data[:size])
    for other in (data + b"\0", b"\0" * 100, data.replace(b"patchskip node", b"patchskip NODE")):
        with pytest.raises(Refused, match="build the engine again"):
            host.deserialise("PatchSkip", other)
    for _ in range(300):  # whatever comes of it, the process lives
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] = rng.integers(256)
        try:
            host.deserialise("PatchSkip", bytes(damaged)).output(0, node.inputs)
        except Refused:
            pass


class Hosted(Gpu):
    """Runs a problem through the plugin. loaded: as an engine does that was not built by this process. cloned: through
    a copy of one that knew its shapes."""

    def __init__(self, gpu, host, loaded=False, cloned=False):
        self._gpu, self._stream, self._host, self._loaded, self._cloned = gpu, gpu.stream(), host, loaded, cloned

    def _compute(self, planned, inputs, outputs, workspace):
        node = Prepared(planned)
        plugin = node.plugin(self._host)
        plugin.configure(node.inputs, node.outputs)
        assert plugin.workspace(node.inputs, node.outputs) == node.workspace_bytes
        if self._loaded:
            plugin = self._host.deserialise(node.operator, plugin.serialised()).clone()
            if self._host.version != 8:  # which says no more than what enqueue is given
                plugin.configure(node.inputs, node.outputs)
        if self._cloned:
            plugin = plugin.clone()
        addresses = [address or 0 for address in inputs] + outputs[: len(node.outputs)]
        plugin.enqueue(node.inputs, node.outputs, addresses, workspace, self._stream.handle)


@each
@some
def test_computes(host, gpu, case):
    outputs = Hosted(gpu, host).run(case)
    check(case, outputs[: 2 if "threshold" in case.attributes else 1])


@each
def test_computes_without_a_cache(host, gpu):
    check(without_cache(ADD), Hosted(gpu, host).run(without_cache(ADD)))


@each
def test_an_engine_that_is_loaded_computes(host, gpu):
    check(ADD, Hosted(gpu, host, loaded=True).run(ADD)[:1])


@each
def test_a_copy_of_a_plugin_that_knew_its_shapes_computes(host, gpu):
    if not host.version:
        pytest.skip("a node without TensorRT is prepared by its owner")
    check(ADD, Hosted(gpu, host, cloned=True).run(ADD)[:1])


@each
def test_can_be_captured(host, gpu, rng):
    """Nothing is allocated or waited for between two executions: a CUDA graph can hold them."""
    shape, grid = (1, 4, 6, 8), (2, 3)
    plugin = host.create("PatchSkip", {"op_type": "Add", "patch": 2, "shape": shape})
    inputs, outputs = (
        [(grid, np.int32), (grid, np.int32), (shape, np.float32), (shape, np.float32)],
        [(shape, np.float32)],
    )
    x, y, active = rng.normal(size=shape).astype(np.float32), np.zeros(shape, np.float32), np.ones(grid, np.int32)
    memory = [gpu.allocate(array.nbytes) for array in (active, x, y)]
    addresses, stream = [memory[i].address for i in (0, 0, 1, 1, 2)], gpu.stream()
    stream.upload(memory[0].address, active)
    plugin.configure(inputs, outputs)
    plugin.enqueue(inputs, outputs, addresses, 0, stream.handle)
    with stream.capture() as graph:
        plugin.enqueue(inputs, outputs, addresses, 0, stream.handle)
    stream.upload(memory[1].address, x)
    graph.launch(stream)
    stream.download(y, memory[2].address)
    stream.synchronize()
    np.testing.assert_array_equal(y, x + x)


@each_that_logs
@pytest.mark.parametrize(
    "attributes, words",
    [
        ({"op_type": "Gru", "patch": 2}, ["Gru"]),
        ({"op_type": "Add"}, ["patch"]),
        ({"op_type": "Add", "patch": 2, "threshold": -1.0}, ["threshold", "-1"]),
        ({"op_type": "Add", "patch": 2, "activation": "Gelu"}, ["Gelu"]),
    ],
)
def test_a_node_that_is_wrong_is_named(host, attributes, words):
    node = prepared(ADD)
    plugin = host.create("PatchSkip", attributes)
    assert not plugin.accepts(len(node.inputs), node.inputs, node.outputs)
    refused = host.log()
    with pytest.raises(Refused) as caught:
        plugin.configure(node.inputs, node.outputs)
        raise Refused(host.log())  # TensorRT 8 can only be told in its log
    for said in (refused, str(caught.value)):
        assert all(word in said for word in words), said
        assert said.count("\n") == 1


@each_that_logs
def test_an_attribute_of_the_wrong_type_is_refused(host):
    with pytest.raises(Refused, match="threshold has the wrong type"):
        host.create("PatchSkip", {"op_type": "Add", "patch": 2, "threshold": 1})


@each
def test_every_attribute_is_asked_for(host):
    """The parser passes on what the plugin names."""
    for case in map(problem, CASES):
        kept = host.create(case.operator, case.attributes).serialised()
        missing = [name for name in case.attributes if name.encode() not in kept]
        assert not missing, case.name
