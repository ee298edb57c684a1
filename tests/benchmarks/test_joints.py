import numpy as np
import pytest

from patchskip.benchmarks import joints


def people(*places, score=1.0):
    return np.array([[[x, y, 0, score] for x, y in places]], np.float32)


def test_by_hand():
    """A person 100 high and 40 wide: 5 pixels are near."""
    expected = people((0, 0), (40, 100), (20, 50), (20, 20))
    expected[0, 3, 3] = joints.LEAST / 2  # dense is not sure of it: it does not count
    found = people((4.9, 0), (40, 106), (20, 55), (500, 500))
    assert joints.within(found, expected).tolist() == [True, False, True]
    nobody = np.zeros((0, 4, 4), np.float32)
    assert joints.within(nobody, expected).tolist() == [False] * 3  # missed
    assert joints.within(found, nobody).size == 0
    assert joints.share_within([found, nobody, found], [expected, expected, nobody]) == pytest.approx(2 / 6)
    assert joints.share_within([nobody], [nobody]) is None


def test_of_a_real_clip(data, tmp_path):
    """simplepose on a man who squats: in exact mode the joints are dense's."""
    import json

    from patchskip.runtime import cli

    network, model = data / "weights" / "simplepose_deploy.onnx", tmp_path / "exact.onnx"
    clip, target = data / "videos" / "pose_squats_720x1280_5fps.mp4", tmp_path / "out.json"
    words = [["export", network, "-o", model, "--input", "u8"]]
    words.append(["benchmark", model, "--source", clip, "--dense", network, "--frames", 12, "--json", target])
    words[-1] += ["--crop", "100,200,500,900", "--report", tmp_path / "out.html"]
    for command in words:
        assert cli.main([str(word) for word in [*command, "--quiet"]]) == 0
    result = json.loads(target.read_text())
    assert "keypoints, within 5 %" in (tmp_path / "out.html").read_text()
    assert result["accuracy"]["skip"]["keypoints_within_5pct"] == 1 and result["fidelity"]["max_rel_error"] < 1e-3
