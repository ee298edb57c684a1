"""What the tests of MobileHumanPose's recipe share: a person, a bright square, and a network that finds its joints."""

import numpy as np
import pytest

from patchskip.runtime.tasks.skeletons import BLAZEPOSE_33

cv2 = pytest.importorskip("cv2")
onnx = pytest.importorskip("onnx")

FRAMES, SIZE, SIDE = 12, (96, 128), 16  # of the clip; of the person
EMPTY = 3  # the frame that shows nobody


def place(number):
    """The left and the top of the person in a frame."""
    return 40 + 3 * number, 30 + 2 * number


@pytest.fixture
def clip(tmp_path):
    """-> a folder of images."""
    folder = tmp_path / "clip"
    folder.mkdir()
    street = np.random.default_rng(0).integers(40, 90, (*SIZE, 3), np.uint8)
    for number in range(FRAMES):
        frame, (x, y) = street.copy(), place(number)
        if number != EMPTY:
            frame[y : y + SIDE, x : x + SIDE] = 250
        cv2.imwrite(str(folder / f"{number:06}.png"), frame)
    return folder


@pytest.fixture
def landmarks(seed):
    """Where the landmarks lie around the middle of what is bright: [39, 5], in pixels. Left and right are alike: the
    square does not show whether it is mirrored."""
    found = np.random.default_rng(seed).uniform(-30, 30, (39, 5)).astype(np.float32)
    for number, name in enumerate(BLAZEPOSE_33.joints):
        if "right" in name:
            found[number] = found[BLAZEPOSE_33.joints.index(name.replace("right", "left"))] * (-1, 1, 1, 1, 1)
        elif "left" not in name:
            found[number, 0] = 0
    return found


@pytest.fixture
def teacher(tmp_path, landmarks):
    """-> the path of a network of BlazePose's form: it finds the middle of what is bright in 128x128 pixels."""
    size = 128
    landmarks[:, 3:] = 9  # visible, present
    axis = np.arange(size, dtype=np.float32) + 0.5
    constants = {
        "bright": np.float32(0.8),
        "some": np.float32(1e-6),
        "x": np.tile(axis, (size, 1))[None, None],
        "y": np.tile(axis[:, None], (1, size))[None, None],
        "around": landmarks.reshape(1, 195),
        "along_x": np.tile(np.eye(5, dtype=np.float32)[0], (1, 39)),
        "along_y": np.tile(np.eye(5, dtype=np.float32)[1], (1, 39)),
        "flat": np.array([1, 1], np.int64),
    }
    node = onnx.helper.make_node
    nodes = [
        node("ReduceMean", ["input"], ["grey"], axes=[1]),
        node("Sub", ["grey", "bright"], ["above"]),
        node("Relu", ["above"], ["light"]),
        node("ReduceSum", ["light"], ["sum"]),
        node("Add", ["sum", "some"], ["all"]),
    ]
    for side in "xy":
        nodes += [
            node("Mul", ["light", side], [f"moment_{side}"]),
            node("ReduceSum", [f"moment_{side}"], [f"total_{side}"]),
            node("Div", [f"total_{side}", "all"], [f"mean_{side}"]),
            node("Reshape", [f"mean_{side}", "flat"], [f"middle_{side}"]),
            node("Mul", [f"middle_{side}", f"along_{side}"], [f"moved_{side}"]),
        ]
    nodes += [
        node("Sum", ["around", "moved_x", "moved_y"], ["landmarks"]),
        node("Reshape", ["sum", "flat"], ["seen"]),
        node("Sign", ["seen"], ["presence"]),
    ]
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "teacher",
        [info("input", onnx.TensorProto.FLOAT, [1, 3, size, size])],
        [info(name, onnx.TensorProto.FLOAT, shape) for name, shape in (("landmarks", [1, 195]), ("presence", [1, 1]))],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path = tmp_path / "teacher.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=8), path)
    return path
