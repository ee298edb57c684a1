import types

import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime import skeletons, tasks
from patchskip.runtime.tasks import keypoints
from patchskip.runtime.tasks.skeletons import BLAZEPOSE_33, COCO_17, H36M_18, MUCO_21

NETWORKS = {  # decoder -> the picture's height and width, and the outputs
    "heatmaps": ((64, 48), {"maps": [1, 17, 16, 12]}),
    "volumes": ((128, 128), {"volumes": [1, 21 * 16, 16, 16]}),
    "landmarks": ((256, 256), {"points": [1, 195], "presence": [1, 1], "maps": [1, 39, 64, 64]}),
}


def model(size, outputs):
    return types.SimpleNamespace(
        path="m.onnx",
        inputs=[{"name": "image", "shape": [1, *size, 3], "layout": "NHWC", "dtype": "uint8"}],
        outputs=[{"name": name, "shape": shape} for name, shape in outputs.items()],
    )


def pose(kind, frame=(64, 48), **options):
    """A pose task that has looked at one frame."""
    task = tasks.create("pose", model(*NETWORKS[kind]), **options)
    task.crop(np.zeros((*frame, 3), np.uint8))
    return task


def test_heatmaps_by_hand():
    maps = np.zeros((1, 17, 16, 12), np.float32)
    maps[0, :, 5, 4] = 0.8
    maps[0, :, 5, 5] = 0.2  # a quarter of a cell to the right,
    maps[0, :, 4, 4] = 0.1  # and upwards
    maps[0, 3] = 0
    maps[0, 3, 15, 0] = 0.9  # in the corner: it stays in its cell
    found = pose("heatmaps", (640, 480))({"maps": maps})
    assert found.shape == (1, 17, 4) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, 0], [4.25 * 40, 4.75 * 40, 0, 0.8], rtol=1e-6)
    np.testing.assert_allclose(found[0, 3], [0, 600, 0, 0.9], rtol=1e-6)


def test_volumes_by_hand():
    volumes = np.full((1, 21, 16, 16, 16), -30, np.float32)
    volumes[0, :, 2, 6, 10] = 1000  # depth, height, width: exp would overflow
    volumes[0, 5, 2, 6, 12] = 1000
    volumes[0, 7] = 0
    found = pose("volumes", (256, 256))({"volumes": volumes.reshape(1, -1, 16, 16)})[0]
    np.testing.assert_allclose(found[0], [160, 96, (2 / 16 - 0.5) * 256, 1], rtol=1e-5)
    np.testing.assert_allclose(found[5], [176, 96, (2 / 16 - 0.5) * 256, 1], rtol=1e-5)
    np.testing.assert_allclose(found[7, :3], [120, 120, -8], rtol=1e-4)  # the same everywhere: the cells' mean
    assert found[7, 3] < 0.05


def test_volumes_are_the_formula(rng):
    maps = rng.normal(0, 5, (1, 21 * 16, 16, 16)).astype(np.float32)
    found, _ = keypoints.Volumes("volumes", 21)({"volumes": maps})
    for joint, cells in enumerate(maps.reshape(21, 16, 16, 16).astype(np.float64)):
        shares = np.exp(cells) / np.exp(cells).sum()
        z, y, x = (float((shares * np.indices(shares.shape)[axis]).sum()) / 16 for axis in range(3))
        np.testing.assert_allclose(found[joint, :3], [x, y, z - 0.5], rtol=1e-3, atol=1e-4)


def test_volumes_that_did_not_change_are_not_decoded_again(rng):
    maps = rng.normal(0, 5, (1, 21 * 16, 16, 16)).astype(np.float32)
    decoder = keypoints.Volumes("volumes", 21)
    first = decoder({"volumes": maps})
    assert decoder({"volumes": maps.copy()}) is first
    maps[0, 40, 3, 3] += 1  # the same memory, as a stream's outputs are
    assert decoder({"volumes": maps}) is not first


def test_landmarks_by_hand():
    points = np.zeros((39, 5), np.float32)
    points[:] = [64, 128, -32, 2, 0]
    points[32] = [256, 0, 64, -1000, 0]
    outputs = {"points": points.reshape(1, 195), "presence": np.array([[0.9]], np.float32)}
    found = pose("landmarks", (512, 512))(outputs)
    assert found.shape == (1, 33, 4)
    np.testing.assert_allclose(found[0, 0], [128, 256, -64, 1 / (1 + np.exp(-2))], rtol=1e-5)
    np.testing.assert_allclose(found[0, 32], [512, 0, 128, 0], atol=1e-6)


@pytest.mark.parametrize("value", [0.05, float("nan")])
def test_nobody(value):
    empty = {
        "heatmaps": {"maps": np.full((1, 17, 16, 12), value, np.float32)},
        "volumes": {"volumes": np.full((1, 21 * 16, 16, 16), value, np.float32)},
        "landmarks": {"points": np.zeros((1, 195), np.float32), "presence": np.full((1, 1), value, np.float32)},
    }
    for kind, outputs in empty.items():
        task = pose(kind)
        found = task(outputs)
        assert found.shape == (0, len(task.skeleton.joints), 4)
        assert not skeletons.plot(found, task.skeleton).min() < 30


def test_joints_lie_in_the_frame_whatever_the_crop():
    maps = np.zeros((1, 17, 16, 12), np.float32)
    maps[0, :, 8, 6] = 1
    found = pose("heatmaps", (200, 300), crop=(60, 40, 60, 80))({"maps": maps})
    np.testing.assert_allclose(found[0, :, :2], [[90, 80]] * 17)
    # The whole of a frame that is wider than the network's picture: grey above and below.
    found = pose("heatmaps", (100, 300))({"maps": maps})
    np.testing.assert_allclose(found[0, :, :2], [[150, 50]] * 17)


def test_two_people_the_crops_is_kept():
    """The other one, whose likelihood is higher, stands outside the crop: the network does not see him."""
    frame = np.zeros((64, 300, 3), np.uint8)
    frame[30, 20], frame[30, 250] = 100, 200
    task = tasks.create("pose", model(*NETWORKS["heatmaps"]), crop=(0, 0, 48, 64))
    for _ in range(20):
        picture = task.crop(frame)
        maps = np.zeros((1, 17, 16, 12), np.float32)
        maps[0, :] = picture[2::4, ::4, 0] / 200.0
        found = task({"maps": maps})
        np.testing.assert_allclose(found[0, :, 0], 20)
    assert task.crop.box == [0, 0, 48, 64] and task.crop.moves == 0


def test_which_models_fit():
    for kind, (size, outputs) in NETWORKS.items():
        assert tasks.guess(model(size, outputs)) == "pose"
        assert isinstance(tasks.create("pose", model(size, outputs))._decoder, keypoints.DECODERS[kind])
    assert tasks.create("pose", model((256, 256), {"v": [1, 18 * 32, 32, 32]})).skeleton is H36M_18
    assert tasks.guess(model((256, 256), {"y": [1, 1000]})) == "none"
    with pytest.raises(PatchskipError, match="--task none"):
        tasks.create("pose", model((256, 256), {"y": [1, 1000]}))
    with pytest.raises(PatchskipError, match="volumes"):
        tasks.create("pose", model(*NETWORKS["heatmaps"]), decoder="volumes")


@pytest.mark.parametrize("skeleton, joints", [(COCO_17, 17), (H36M_18, 18), (MUCO_21, 21), (BLAZEPOSE_33, 33)])
def test_skeletons(skeleton, joints):
    assert len(skeleton.joints) == len(set(skeleton.joints)) == joints
    mirrored = {"left": "right", "right": "left"}

    def other(name):
        for side in mirrored:
            name = name.replace(side, "*") if side in name else name
            if "*" in name:
                return name.replace("*", mirrored[side])
        return name

    names = {frozenset((skeleton.joints[a], skeleton.joints[b])) for a, b in skeleton.bones}
    assert len(names) == len(skeleton.bones)
    assert {frozenset(map(other, pair)) for pair in names} == names  # the left side has what the right one has


def test_drawing():
    pytest.importorskip("cv2")
    joints = np.zeros((1, 17, 4), np.float32)
    joints[0, :, 0], joints[0, :, 1], joints[0, :, 3] = np.arange(17) * 5 + 10, 50, 1
    joints[0, 16, 3] = 0.1
    frame = np.zeros((100, 100, 3), np.uint8)
    skeletons.draw(frame, joints, COCO_17)
    assert frame[50, 10].any() and frame[50, 85].any() and not frame[50, 90].any()
    panel = skeletons.plot(joints, COCO_17)
    assert panel.shape == (skeletons.SIDE, skeletons.SIDE, 3) and (panel != 30).any()
    assert (skeletons.plot(joints * 0 + 1, COCO_17) != 30).any()  # a body without any extent
