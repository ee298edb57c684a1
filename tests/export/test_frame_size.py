"""Networks that take frames of a camera's size, and resize them themselves."""

import numpy as np
import onnx
import pytest
from export_support import Net, Stream, assert_close, dense_runner, evaluators

import patchskip
from patchskip.export import Gate, convert, gate_file
from patchskip.export.calibration.placing import place
from patchskip.export.calibration.settings import Gates
from patchskip.export.command import save
from patchskip.export.metadata import metadata_of
from patchskip.runtime import opencv
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.pipeline import Pipeline

PICTURE = (32, 48)


@pytest.fixture
def network(net):
    x = net.conv(net.input(1, 3, *PICTURE), 3, 4, strides=[2, 2], name="stem")
    return net.model(net.conv(net.op("Relu", x), 4, 4))


def resizer(frame):
    """-> ONNX's own Resize of a frame [1, 3, H, W] to the network's picture."""
    net = Net(np.random.default_rng(0))
    size = net.const([1, 3, *PICTURE], np.int64)
    run = dense_runner(net.model(net.op("Resize", net.input(1, 3, *frame), "", "", size, mode="linear")))
    return lambda picture: next(iter(run({"images": picture}).values()))


@pytest.mark.parametrize("frame", [(20, 30), (28, 42), (64, 96), (80, 120)])
@pytest.mark.parametrize("preset", ["raw", "imagenet"])
def test_the_outputs_are_those_of_a_resize_in_front(network, rng, frame, preset):
    exported = convert(network, frame_size=frame, patch=8, input="u8", preset=preset).model
    onnx.checker.check_model(exported)
    recipe, resize, dense = metadata_of(exported)["preprocess"], resizer(frame), dense_runner(network)
    first = rng.integers(0, 256, (1, *frame, 3)).astype(np.uint8)
    second = first.copy()
    second[:, :4, :3] ^= 128
    for name, run in evaluators(exported).items():
        stream, counts = Stream(exported, run), []
        for picture in (first, second, second):
            normal = (picture[..., ::-1] - np.array(recipe["mean"])) / np.array(recipe["std"])
            expected = dense({"images": resize(normal.transpose(0, 3, 1, 2).astype(np.float32))})
            found = stream.infer({"images": picture})
            for key, value in expected.items():
                assert_close(found[key], value)
            counts.append(stream.active(found))
        assert counts[0] > counts[1] > counts[2] == 0, f"{name}: {counts} patches were active"


@pytest.mark.parametrize("frame", [(20, 30), (28, 42), (80, 120)])
def test_gates_decide_alike_everywhere(network, rng, frame):
    exported = convert(network, frame_size=frame, patch=8, gate="delta", threshold=0.4, input="u8").model
    first = rng.integers(60, 180, (1, *frame, 3)).astype(np.uint8)
    pictures = [first, first + rng.integers(0, 3, first.shape).astype(np.uint8), first.copy()]
    pictures[2][:, frame[0] // 2 :, : frame[1] // 3] += 60
    expected = None
    for name, run in evaluators(exported).items():
        stream = Stream(exported, run)
        results = [stream.infer({"images": picture}) for picture in pictures]
        counts = [stream.active(result) for result in results]
        expected = expected or (results, counts)
        assert counts == expected[1] and counts[0] > counts[2] > counts[1] == 0, name
        for found, known in zip(results, expected[0]):
            assert_close(found["conv2"], known["conv2"])


def test_a_patch_of_the_frame_is_the_patch_of_the_picture(network):
    metadata = metadata_of(convert(network, frame_size=(20, 30), patch=8, gate="delta", input="u8").model)
    (given,) = metadata["inputs"]
    assert given["shape"] == [1, 20, 30, 3] and given["picture"] == list(PICTURE)
    image, resize = metadata["layers"][:2]
    assert (image["op_type"], resize["op_type"]) == ("Image", "Resize") and image["mask"] == resize["mask"]
    assert metadata["masks"][0] == {"name": image["mask"], "patch": 5, "size": [20, 30]}
    gates = {gate["name"]: gate["cell"] for gate in metadata["gates"]}
    assert gates == {"images": 1, "stem": 2}, "the frame has a gate, its resized picture none"


def test_a_frame_of_the_pictures_size_is_the_picture(network):
    options = {"patch": 8, "gate": "delta", "input": "u8"}
    assert convert(network, frame_size=PICTURE, **options).model == convert(network, **options).model


@pytest.mark.parametrize("frame", [(22, 33), (20, 32), (480, 640), (1, 1), (0, 0)])
def test_frames_whose_patches_would_not_be_whole(network, frame):
    with pytest.raises(PatchskipError, match=f"--frame-size {frame[0]} {frame[1]}: "):
        convert(network, frame_size=frame, patch=8, input="u8")


def test_the_sizes_that_are_advised_would_do(net):
    network = net.model(net.conv(net.input(1, 3, 576, 768), 3, 4))
    with pytest.raises(PatchskipError, match="would be 13.33 x 13.33 pixels of the frame.* 480 640, .* would do"):
        convert(network, frame_size=(480, 640), input="u8")
    convert(network, input_size=(480, 640), frame_size=(480, 640), input="u8")
    convert(network, input_size=(384, 512), frame_size=(480, 640), input="u8")


def test_no_size_is_advised_that_is_far_from_the_networks(net):
    network = net.model(net.conv(net.input(1, 3, 416, 416), 3, 4))
    with pytest.raises(PatchskipError, match="whole ones: leave --frame-size out$"):
        convert(network, frame_size=(1080, 608), input="u8")


def test_a_dense_node_that_reads_the_picture(net):
    x = net.input(1, 3, *PICTURE)
    network = net.model(net.conv(x, 3, 4), net.op("Tanh", x, name="squash"))
    with pytest.raises(PatchskipError, match="--frame-size: Tanh squash stays dense and reads the picture itself"):
        convert(network, frame_size=(20, 30), patch=8, input="u8")


def test_the_frame_itself_is_needed(network):
    with pytest.raises(PatchskipError, match="--frame-size is for --input u8"):
        convert(network, frame_size=(20, 30), patch=8)


def test_gates_chosen_for_the_picture_fit_the_frame(network, tmp_path):
    """A cell is the same part of the patch: 4 of 8 are 2.5 of 5, of which 1 divides them; a stem's 2 of 4 stay."""
    gate_file.write(tmp_path / "gates.npz", {"images": Gate(1.0, 4, patch=8), "stem": Gate(0.1, 2, patch=4)})
    gates = gate_file.read(tmp_path / "gates.npz")
    cells = {}
    for frame in ((20, 30), (64, 96)):
        model = convert(network, frame_size=frame, patch=8, gate="delta", gates=gates, input="u8").model
        cells[frame] = {gate["name"]: gate["cell"] for gate in metadata_of(model)["gates"]}
    assert cells == {(20, 30): {"images": 1, "stem": 2}, (64, 96): {"images": 8, "stem": 2}}


# -- the demonstration's network, on half the picture's size


FRAME = (160, 200)  # of 256 x 320: patches of 10 pixels


@pytest.fixture
def streams(demo, tmp_path):
    """-> pipelines: one that resizes frames itself, one that is given them resized; exact."""
    network = onnx.load(demo / "network.onnx")
    for name, frame in (("inside", FRAME), ("before", None)):
        save(convert(network, frame_size=frame, input="u8").model, tmp_path / f"{name}.onnx")
    return [Pipeline(patchskip.load(tmp_path / f"{name}.onnx", 1)) for name in ("inside", "before")]


def small(demo, count):
    cv2 = opencv.load()
    paths = sorted((demo / "clip").iterdir())[:count]
    return [cv2.resize(cv2.imread(str(path)), FRAME[::-1], interpolation=cv2.INTER_AREA) for path in paths]


def test_boxes_are_in_the_frames_pixels(demo, streams):
    """They differ by what OpenCV rounds to whole grey levels."""
    seen = 0
    for frame in small(demo, 5):
        inside, before = (pipeline(frame) for pipeline in streams)
        assert inside.shape == before.shape
        np.testing.assert_allclose(inside[:, :4], before[:, :4], atol=1)
        seen += len(inside)
        masks = [pipeline.stream.image_mask() for pipeline in streams]
        assert masks[0][0].shape == masks[1][0].shape and masks[0][1] == masks[1][1] == 16
        assert streams[0].preprocess.scale == pytest.approx(streams[1].preprocess.scale)
    assert seen


def test_a_camera_of_another_size_is_fitted(demo, streams):
    frame = opencv.load().resize(small(demo, 1)[0], (400, 400))
    streams[0](frame)
    assert streams[0].preprocess.scale == pytest.approx((0.64, 0.64)), "400 are 160 of the frame, 256 of the picture"


def test_more_gates_from_the_network(demo, tmp_path):
    """Calibration knows the frame's size from the model."""
    gates = {"images": Gate(5.0, 5, patch=10), "stem1.conv": Gate(0.1)}
    network = onnx.load(demo / "network.onnx")
    model = convert(network, frame_size=FRAME, gate="delta", gates=gates, input="u8").model
    save(model, tmp_path / "few.onnx")
    loaded = patchskip.load(tmp_path / "few.onnx", 1)
    placed = place(demo / "network.onnx", loaded, Gates(model).gates, None, small(demo, 1))
    assert metadata_of(placed)["inputs"] == metadata_of(model)["inputs"]
    found = Gates(placed)
    assert len(found.gates) > 4 and found.patches["images"] == 10 and found.gates["images"].cell == 5
