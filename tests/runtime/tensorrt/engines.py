"""Exported models and the engines that the fake TensorRT runs."""

import hashlib
import json

import numpy as np

from patchskip.runtime.tensorrt import onnx_file, prepare

SHAPE, GRID, PATCH = (1, 8, 12, 6), (2, 3), 4


def sums(with_dense_nodes=False):
    """The export of `y = x + x; z = relu(y * x)`, both kept, on the patches that the input `active` names.

    -> the file's content. The output is z, or z's transpose: a dense node.
    """
    value = onnx_file.Value.of
    nodes = [
        _node(["active", "y.cache", "x", "x"], ["y", "m"], op_type="Add", patch=PATCH),
        _node(["m", "z.cache", "y", "x"], ["z"], op_type="Mul", patch=PATCH, activation="Relu"),
    ]
    outputs = {"z": SHAPE}
    if with_dense_nodes:
        transpose = onnx_file.Node(op_type="Transpose", inputs=["z"], outputs=["output"])
        transpose.set_attribute("perm", [0, 3, 1, 2])
        nodes.append(transpose)
        outputs = {"output": (1, 6, 8, 12)}
    kept = {name: SHAPE for name in ("y", "z")}
    metadata = {
        "format": 1,
        "patch": PATCH,
        "gate": "exact",
        "threshold": 0,
        "inputs": [
            {"name": "x", "shape": SHAPE, "dtype": "float32", "layout": "NHWC"},
            {"name": "active", "shape": GRID, "dtype": "int32", "layout": ""},
        ],
        "outputs": [{"name": name, "shape": shape} for name, shape in outputs.items()],
        "states": [{"input": n + ".cache", "output": n, "kind": "cache", "shape": SHAPE} for n in kept],
        "masks": [{"name": "m", "patch": PATCH, "size": SHAPE[1:3]}],
        "layers": [
            {"name": name, "op_type": op_type, "shape": SHAPE, "macs": 100, "mask": "m"}
            for name, op_type in (("y", "Add"), ("z", "Mul"))
        ],
        "dense": [],
        "macs": 200,
        "coverage": 1.0,
    }
    graph = onnx_file.Graph(
        name="sums",
        nodes=nodes,
        inputs=[value("x", np.float32, SHAPE), value("active", np.int32, GRID)]
        + [value(name + ".cache", np.float32, SHAPE) for name in kept],
        outputs=[value(name, np.float32, shape) for name, shape in {**kept, **outputs}.items()]
        + [value("m", np.int32, GRID)],
    )
    opsets = [onnx_file.Opset(domain=domain, version=version) for domain, version in (("", 13), ("patchskip", 1))]
    model = onnx_file.Model(ir_version=7, graph=graph, opsets=opsets)
    model.set_property("patchskip", json.dumps(metadata))
    return model.encode()


def masked_sum():
    """-> a model: one mask from another, and a sum that is kept."""
    skip = onnx_file.Node(
        op_type="PatchSkip", domain="patchskip", name="sum", inputs=["grown", "y.cache", "a", "b"], outputs=["y"]
    )
    mask = onnx_file.Node(op_type="PatchMask", domain="patchskip", name="grow", inputs=["active"], outputs=["grown"])
    for node, attributes in (
        (skip, {"op_type": "Add", "patch": 4, "activation": "PRelu", "activation_params": [0.25, 0.5, 0.75]}),
        (mask, {"size": [8, 12], "patch": 4, "in_patch": [4], "windows": [1, 1, -1, 1, 1, 1, -1, 1]}),
    ):
        for name, value in attributes.items():
            node.set_attribute(name, value)
    value, pixels, grid = onnx_file.Value.of, (1, 8, 12, 3), (2, 3)
    graph = onnx_file.Graph(
        name="net",
        nodes=[mask, skip],
        inputs=[value("active", np.int32, grid)] + [value(name, np.float32, pixels) for name in ("a", "b", "y.cache")],
        outputs=[value("y", np.float32, pixels), value("grown", np.int32, grid)],
    )
    opsets = [onnx_file.Opset(domain=domain, version=version) for domain, version in (("", 13), ("patchskip", 1))]
    model = onnx_file.Model(ir_version=8, graph=graph, opsets=opsets)
    metadata = {
        "format": 1,
        "inputs": [{"name": name, "shape": list(pixels), "dtype": "float32"} for name in ("a", "b")],
        "outputs": [{"name": "y", "shape": list(pixels)}],
        "states": [{"input": "y.cache", "output": "y", "kind": "cache", "shape": list(pixels)}],
        "masks": [],
        "layers": [],
        "dense": [],
    }
    model.set_property("patchskip", json.dumps(metadata))
    return model


def picture(**options):
    """The export of `output = relu(images + images) * images`, a picture of 64x96, as a file's content."""
    import onnx

    from patchskip.export import convert

    make, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        make("Add", ["images", "images"], ["twice"], "add"),
        make("Relu", ["twice"], ["positive"], "relu"),
        make("Mul", ["positive", "images"], ["output"], "mul"),
    ]
    shape = [1, 3, 64, 96]
    graph = onnx.helper.make_graph(nodes, "picture", [value("images", 1, shape)], [value("output", 1, shape)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    return model, convert(model, **options).model.SerializeToString()


def with_pass_gates(**options):
    """The export of the demonstration's network with gates of PASS, which are ordinary nodes, as a file's content.

    One at the picture and one at a convolution. They skip where the mean difference of a patch is small.
    """
    from patchskip.benchmarks.demo_network import build
    from patchskip.export import analyse, convert
    from patchskip.export.pass_gates import TrainedGate

    network = build((64, 96))

    def difference(name, threshold, **form):
        form = analyse(network).pass_form(name, width=2, depth=0, **form)
        values = {key: np.zeros(shape, np.float32) for key, shape in form.shapes().items()}
        mean = 1 / values["embedding.weight"][0, : form.channels].size
        values["embedding.weight"][0, : form.channels] = values["embedding.weight"][1, form.channels :] = mean
        values["embedding.weight"][1, : form.channels] = values["embedding.weight"][0, form.channels :] = -mean
        values["embedding_norm.weight"][:] = values["embedding_norm.running_var"][:] = 1
        values["head.weight"][:], values["head.bias"][:] = -1, threshold
        return TrainedGate(form, values)

    gates = {"images": difference("images", 0.5, pool=4), "stem2.conv": difference("stem2.conv", 1e-5)}
    return convert(network, gate="delta", pass_gates=gates, **options).model.SerializeToString()


def frames(rng, count):
    """Inputs of `sums`; the first has every patch active."""
    for i in range(count):
        active = np.ones(GRID, np.int32) if i == 0 else rng.randint(0, 2, GRID).astype(np.int32)
        yield {"x": rng.normal(size=SHAPE).astype(np.float32), "active": active}


def write_engine(path, exported, precision="float32", **changes):
    """Writes an engine and its sidecar, as `patchskip build` does. changes: of the sidecar."""
    data = prepare.prepare(exported, precision)
    sidecar = {
        "format": 1,
        "tensorrt": "8.2.1.8",
        "flavour": "tensorrt",
        "gpu": "emulated",
        "sm": 53,
        "plugin": {"kind": "c++", "version": "1", "sha256": "0"},
        "onnx": {"file": "net.patchskip.onnx", "sha256": "0"},
        "precision": precision,
        "workspace_bytes": 1 << 20,
        "engine": {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)},
        "metadata": json.loads(onnx_file.read(data).property("patchskip")),
    }
    sidecar.update(changes)
    path.write_bytes(data)
    sidecar_path = path.with_name(path.name + ".json")
    sidecar_path.write_text(json.dumps(sidecar))
    return path


def _node(inputs, outputs, **attributes):
    made = onnx_file.Node(op_type="PatchSkip", domain="patchskip", inputs=inputs, outputs=outputs)
    for name, value in attributes.items():
        made.set_attribute(name, value)
    return made
