import itertools

import numpy as np
import pytest

from patchskip.benchmarks import masks

CLIPS = (
    "pets09_s2l1_vtest_480x360.avi",
    "pets09_s2l1_jpg",
    "one-by-one-person-detection.mp4",
    "car_traffic_small_640x360.mp4",
)
FRAMES = 300  # of each clip


@pytest.mark.parametrize("grid", [(36, 48), (18, 24), (3, 2), (1, 50)])
@pytest.mark.parametrize("share", [1, 0.5, 0.25, 0.1, 0.05, 0.02, 0])
def test_masks_have_exactly_the_share(grid, share, rng):
    mask = masks.clustered(grid, share, rng)
    assert mask.dtype == np.int32 and mask.shape == grid
    assert set(np.unique(mask)) <= {0, 1}
    assert mask.sum() == round(share * mask.size)


def test_structure_of_a_mask_known_by_hand():
    mask = np.zeros((9, 12), np.int32)
    mask[1:3, 1:4] = 1  # two rows of three, and one that stands alone
    mask[8, 11] = 1
    assert masks.structure(mask) == {"alone": 1 / 7, "run": 7 / 3, "reach": (5 * 6 + 3 * 3) / 7}


@pytest.fixture(scope="module")
def seen(data, tmp_path_factory):
    """-> structures of the masks that yolox_nano makes on the clips: [(active share, structure)], of each clip. Of what
    changes: boxes that are computed anew as a whole are kinder.
    """
    onnx = pytest.importorskip("onnx")
    import patchskip
    from patchskip.export import convert
    from patchskip.export.command import save
    from patchskip.runtime.pipeline import Pipeline
    from patchskip.runtime.sources import open_source

    path = tmp_path_factory.mktemp("masks") / "delta.onnx"
    network = onnx.load(str(data / "weights" / "yolox_nano_416.onnx"))
    save(convert(network, input_size=(576, 768), gate="delta", input="u8").model, path)
    result = {}
    for clip in CLIPS:
        pipeline = Pipeline(patchskip.load(str(path), threads=1), revisit=0)
        for number, frame in enumerate(itertools.islice(open_source(str(data / "videos" / clip)), FRAMES)):
            pipeline(frame)
            if number < 3:  # the first frame is computed whole
                continue
            for entry in pipeline.stream.model.metadata["masks"]:
                mask = pipeline.stream._execution.mask(entry["name"])
                if mask.shape == (36, 48) and mask.any():
                    result.setdefault(clip, []).append((np.mean(mask != 0), masks.structure(mask)))
    return result


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2])
def test_masks_are_like_those_of_video(seen, share, rng):
    """No kinder to a kernel than video is, and not much harder."""
    near = [found for clip in seen.values() for active, found in clip if 0.75 * share <= active <= 1.25 * share]
    assert len(near) >= 100
    made = [masks.structure(masks.clustered((36, 48), share, rng)) for _ in range(100)]
    ours, videos = ({key: np.mean([each[key] for each in found]) for key in made[0]} for found in (made, near))
    print(share, len(near), ours, videos)
    assert abs(ours["alone"] - videos["alone"]) < 0.1
    assert 0.75 < ours["run"] / videos["run"] < 1.1
    assert 0.95 < ours["reach"] / videos["reach"] < 1.4
