"""Another input size for a network that was exported for one: the input's shape, and the Reshapes that copied it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from patchskip.runtime.errors import PatchskipError

Shape = tuple[int, ...]


def set_input_size(model: onnx.ModelProto, size: tuple[int, int]) -> onnx.ModelProto:
    """A copy of the network with its image input at `size` = (height, width), and a batch of 1 where it was open.

    Constant shapes that followed from the old size are made to follow from the new one. The result is checked by strict
    shape inference. Raises PatchskipError when there is no image input, or when the network does not fit the size.
    """
    height, width = size
    if height < 1 or width < 1:
        raise PatchskipError(f"--input-size {height} {width}: both must be 1 or more")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    constants = {tensor.name for tensor in changed.graph.initializer}
    images = [v for v in changed.graph.input if v.name not in constants and len(v.type.tensor_type.shape.dim) == 4]
    if not images:
        raise PatchskipError("--input-size was given, but the network has no input of 4 dimensions; leave it out")
    old = _shapes(model)
    for value in images:
        dims = value.type.tensor_type.shape.dim
        if not dims[0].dim_value:
            dims[0].dim_value = 1
        dims[2].dim_value, dims[3].dim_value = height, width
    for value in changed.graph.output:
        value.type.tensor_type.ClearField("shape")
    del changed.graph.value_info[:]
    _mend_constants(changed, old)
    try:
        inferred = onnx.shape_inference.infer_shapes(changed, strict_mode=True, check_type=True, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise _does_not_fit(size, str(error).strip().splitlines()[0]) from error
    _check_reshapes(inferred, size)
    _check_sides(inferred, size, old)
    shapes = {v.name: v for v in inferred.graph.output}
    for value in changed.graph.output:
        value.CopyFrom(shapes[value.name])
    return changed


def _does_not_fit(size: tuple[int, int], reason: str) -> PatchskipError:
    return PatchskipError(
        f"the network does not take an input of {size[0]} x {size[1]}: {reason}; "
        "use a size it is made for (often multiples of 32), or export it at this one"
    )


def _check_reshapes(model: onnx.ModelProto, size: tuple[int, int]) -> None:
    """Shape inference believes a Reshape whatever it says."""
    shapes = _known_shapes(model.graph)
    for node in model.graph.node:
        before, after = shapes.get(node.input[0] if node.input else ""), shapes.get(node.output[0])
        if node.op_type == "Reshape" and before and after and np.prod(before) != np.prod(after):
            name = node.name or node.output[0]
            raise _does_not_fit(size, f"Reshape {name} would make {list(after)} of {list(before)}")


def _check_sides(model: onnx.ModelProto, size: tuple[int, int], old: dict[str, Shape]) -> None:
    """A window larger than its tensor leaves nothing, and a picture of another size may become several of the old."""
    for value in [*model.graph.value_info, *model.graph.output]:
        sides = [dim.dim_value for dim in value.type.tensor_type.shape.dim if dim.HasField("dim_value")]
        if sides and min(sides) < 1:
            raise _does_not_fit(size, f"{value.name} would be {sides}")
    for value in model.graph.output:
        sides, before = [dim.dim_value for dim in value.type.tensor_type.shape.dim], old.get(value.name)
        if sides and before and before[0] == 1 < sides[0]:
            raise _does_not_fit(size, f"the output {value.name}, {list(before)}, would be {sides}")


def _shapes(model: onnx.ModelProto) -> dict[str, Shape]:
    return _known_shapes(onnx.shape_inference.infer_shapes(model, data_prop=True).graph)


def _known_shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    return {
        v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
        for v in [*graph.input, *graph.value_info, *graph.output]
        if all(d.dim_value for d in v.type.tensor_type.shape.dim)
    }


def _mend_constants(model: onnx.ModelProto, old: dict[str, Shape]) -> None:
    """One node after the other, since each decides the shapes behind it."""
    graph = model.graph
    done: set[int] = set()
    while True:
        new = _shapes(model)
        # Where the network had [.., h, w], it now has [.., h', w']: so are h * w numbers split again.
        planes: dict[Shape, Shape] = {
            old[n][2:]: s[2:] for n, s in new.items() if len(s) == 4 and len(old.get(n, ())) == 4
        }
        for index, node in enumerate(graph.node):
            if index in done or node.op_type not in ("Reshape", "Resize") or node.input[0] not in new:
                continue
            source, target = node.input[0], node.output[0]
            if source not in old or target not in old:
                continue
            done.add(index)
            if new[source] == old[source]:
                continue
            if node.op_type == "Reshape":
                shape = reshaped(old[source], old[target], new[source], planes)
                name = node.input[1]
            elif len(node.input) > 3 and node.input[3]:
                shape = _resized(old[source], old[target], new[source])
                name = node.input[3]
            else:
                continue
            if shape is not None and _set_constant(graph, node, name, shape):
                break  # what follows has other shapes now
        else:
            return


def reshaped(old_in: Shape, old_out: Shape, new_in: Shape, planes: Mapping[Shape, Shape]) -> Shape | None:
    """What a Reshape from old_in to old_out makes of new_in. None when it cannot be told.

    Both shapes are cut into the shortest runs of equal product; each run of the output follows its run of the input.
    planes: old (h, w) -> new, for runs that split h * w again.
    """
    result: list[int] = []
    for ins, outs in _runs(old_in, old_out):
        before, after = [old_in[i] for i in ins], [new_in[i] for i in ins]
        outs = [old_out[o] for o in outs]
        product = int(np.prod(after, dtype=np.int64))
        if before == after:
            result += outs
        elif len(outs) == 1:
            result.append(product)
        elif [n for n in before if n > 1] == [n for n in outs if n > 1]:
            rest = [a for b, a in zip(before, after) if b > 1]
            result += [rest.pop(0) if n > 1 else 1 for n in outs]
        else:
            plane = planes.get(tuple(outs[-2:]))
            if plane is None or int(np.prod(outs[:-2], dtype=np.int64)) * plane[0] * plane[1] != product:
                return None
            result += [*outs[:-2], *plane]
    return tuple(result)


def _runs(first: Shape, second: Shape) -> list[tuple[list[int], list[int]]]:
    runs, i, j = [], 0, 0
    while i < len(first) and j < len(second):
        ins, outs, a, b = [i], [j], first[i], second[j]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                a *= first[i]
                ins.append(i)
                i += 1
            else:
                b *= second[j]
                outs.append(j)
                j += 1
        runs.append((ins, outs))
    if i < len(first) or j < len(second):  # only ones are left
        runs.append((list(range(i, len(first))), list(range(j, len(second)))))
    return runs


def _resized(old_in: Shape, old_out: Shape, new_in: Shape) -> Shape | None:
    if any(n * o % i for n, o, i in zip(new_in, old_out, old_in)):
        return None
    return tuple(n * o // i for n, o, i in zip(new_in, old_out, old_in))


def _set_constant(graph: onnx.GraphProto, node: onnx.NodeProto, name: str, shape: Shape) -> bool:
    """Give `node` its own shape constant instead of `name`, 0 and -1 kept. False when it is not constant, or right."""
    value = next((numpy_helper.to_array(t) for t in graph.initializer if t.name == name), None)
    if value is None:
        maker = next((n for n in graph.node if name in n.output and n.op_type == "Constant"), None)
        value = numpy_helper.to_array(maker.attribute[0].t) if maker and maker.attribute[0].name == "value" else None
    if value is None or value.size != len(shape):
        return False
    kept = np.array([v if v <= 0 else n for v, n in zip(value.tolist(), shape)], value.dtype)
    if np.array_equal(kept, value):
        return False
    own = f"{name}.{node.output[0]}"
    graph.initializer.append(numpy_helper.from_array(kept, own))
    node.input[list(node.input).index(name)] = own
    return True
