"""What a node says of itself to TensorRT, on the cases of all operators."""

import ctypes

import numpy as np
import pytest
from opcases.cases import CASES
from opcases.problems import problem

from patchskip import PatchskipError
from patchskip.plugins import library
from patchskip.plugins.tensorrt.node import OPERATORS, Node, attribute_names

FLOAT16, INT32, UINT8 = np.dtype(np.float16), np.dtype(np.int32), np.dtype(np.uint8)


def prepared(case):
    """-> attributes, [(shape, dtype)] of the inputs, as runtime/tensorrt/prepare.py makes them."""
    attributes = dict(case.attributes)
    inputs = [(a.shape, a.dtype) for i, a in enumerate(case.inputs) if a is not None and i not in case.constants]
    for i, (shape, dtype) in enumerate(inputs):
        if dtype == UINT8:
            attributes["picture"] = shape
            inputs[i] = (-(-int(np.prod(shape)) // 4),), INT32
    if case.constants:
        attributes["constants"] = 7
        inputs.append(((7,), INT32))
    return attributes, inputs


@pytest.mark.parametrize("spec", CASES, ids=lambda spec: spec.name)
def test_outputs_and_types(spec):
    case = problem(spec)
    attributes, inputs = prepared(case)
    if case.operator == "PatchSkip" and case.inputs[1] is None:
        inputs.insert(1, inputs[1])  # its place is taken
    node = Node(case.operator, attributes)
    shapes, types = zip(*inputs)
    expected = case.expected[: node.outputs]
    assert [node.output_shape(i, shapes) for i in range(node.outputs)] == [array.shape for array in expected]
    assert [node.output_type(i, types) for i in range(node.outputs)] == [array.dtype for array in expected]
    everything = list(types) + [array.dtype for array in expected]
    assert all(node.accepts(everything[: n + 1], len(types)) for n in range(len(everything)))
    for i in range(node.outputs):
        aliased = node.aliased_input(i)
        assert aliased == -1 or inputs[aliased] == (expected[i].shape, expected[i].dtype)


SKIP = {"op_type": "Conv", "patch": 4, "constants": 7}


@pytest.mark.parametrize(
    "types, accepted",
    [
        ("i fff i f", True),
        ("i hhh i h", True),
        ("f", False),
        ("i i", False),
        ("i fh", False),
        ("i hf", False),
        ("i hhh h", False),
        ("i fff f", False),
        ("i hhh i f", False),
        ("i ?", False),
    ],
)
def test_types_of_a_layer(types, accepted):
    """active, cache, X, residual, constants; Y. All but the last are as they may be."""
    of = {"f": np.dtype(np.float32), "h": FLOAT16, "i": INT32, "?": None}
    types = [of[letter] for letter in types.replace(" ", "")]
    node = Node("PatchSkip", SKIP)
    assert node.accepts(types, 5) == accepted
    assert all(node.accepts(types[: n + 1], 5) for n in range(len(types) - 1))


# Nodes without packed constants; the input of which the engine's type is asked, and its type where it is given.
FREE = {
    "Add": ("PatchSkip", {"op_type": "Add", "patch": 4}, "i?fff"),
    "Add, nothing kept": ("PatchSkip", {"op_type": "Add", "patch": 4, "shape": [1, 8, 8, 3]}, "if?"),
    "Image": ("PatchSkip", {"op_type": "Image", "patch": 4}, "i?"),
    "PatchGate exact": ("PatchGate", {"mode": "exact", "patch": 4}, "f?"),
}
OF_LETTER = {"f": np.dtype(np.float32), "h": FLOAT16, "i": INT32}


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("half, accepted", [(None, "fh"), (0, "f"), (1, "h")])
def test_an_engines_type(name, half, accepted):
    """With the attribute `half` a node takes activations of this type alone."""
    operator, attributes, types = FREE[name]
    node = Node(operator, attributes if half is None else dict(attributes, half=half))
    for letter, dtype in OF_LETTER.items():
        at = types.index("?")
        before = [OF_LETTER[other] for other in types[:at]]
        assert node.accepts([*before, dtype], len(types)) == (letter in accepted)


@pytest.mark.parametrize("half", [0, 1])
def test_what_has_no_engines_type(half):
    """Pictures, masks, means; and which output there is follows from the inputs."""
    gate = Node("PatchGate", {"mode": "delta", "patch": 4, "cell": 2, "half": half})
    for types in ("f", "ff", "ffi"):
        assert gate.accepts([OF_LETTER[letter] for letter in types], 3)
    assert not gate.accepts([OF_LETTER["f"], FLOAT16], 3)
    add, dtype = Node("PatchSkip", {"op_type": "Add", "patch": 4, "half": half}), OF_LETTER["fh"[half]]
    inputs = [INT32, dtype, dtype, dtype]
    for found in OF_LETTER.values():
        assert add.accepts([*inputs, found], 4) == (found == dtype)


def test_what_is_kept_is_written_in_place():
    assert Node("PatchSkip", SKIP).aliased_input(0) == 1
    assert Node("PatchSkip", dict(SKIP, shape=[1, 8, 8, 3])).aliased_input(0) == -1
    assert Node("PatchSkip", dict(SKIP, op_type="Image")).aliased_input(0) == -1  # PatchGate reads it too
    assert [Node("PatchGate", {"mode": "delta", "patch": 4, "cell": 2}).aliased_input(i) for i in (0, 1)] == [-1, 1]
    assert Node("PatchGate", {"mode": "exact", "patch": 4}).aliased_input(0) == -1


def test_bad_nodes():
    with pytest.raises(PatchskipError, match="no operator 'PatchSum'; expected PatchMask"):
        Node("PatchSum", {})
    with pytest.raises(PatchskipError, match="threshold has the wrong type"):
        Node("PatchSkip", {"threshold": "much"})
    with pytest.raises(PatchskipError, match="PatchGate: X is .*expected four dimensions"):
        Node("PatchGate", {"mode": "exact", "patch": 4}).output_shape(0, [(8, 8, 3), (1, 8, 8, 3)])
    with pytest.raises(PatchskipError, match="patch"):
        Node("PatchMask", {"size": [8, 8]}).output_shape(0, [(2, 2)])
    with pytest.raises(PatchskipError, match="an input is missing"):
        Node("PatchSkip", SKIP).output_shape(0, [(2, 2)])


def test_all_attributes_are_listed():
    """The parser passes on nothing else."""
    for operator in OPERATORS:
        given = {name for spec in CASES for name in problem(spec).attributes if problem(spec).operator == operator}
        assert given <= set(attribute_names(operator))
    assert attribute_names("PatchSum") == []


def test_an_older_library(monkeypatch):
    monkeypatch.setattr(library, "load", lambda: ctypes.CDLL(None))
    with pytest.raises(PatchskipError, match="ps_.* is older than this package; build it with"):
        Node("PatchSkip", SKIP)
