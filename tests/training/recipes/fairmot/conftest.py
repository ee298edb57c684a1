"""What the tests of FairMOT's recipe share: a clip on which persons, bright upright boxes, walk over a street."""

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

FRAMES, SIZE = 12, (96, 128)  # of the clip
BOX = 10, 24  # a person's width and height


@pytest.fixture
def clip(tmp_path):
    """-> (a folder of images 000001.png and on, its ground truth at twice the images' size)."""
    folder, gt = tmp_path / "clip", tmp_path / "clip.gt.txt"
    folder.mkdir()
    street = np.random.default_rng(0).integers(40, 90, (*SIZE, 3), np.uint8)
    rows = []
    for number in range(1, FRAMES + 1):
        frame = street.copy()
        for person, (x, y, step) in enumerate([(10, 20, 3), (100, 60, -4)], start=5):
            left = x + step * number
            frame[y : y + BOX[1], left : left + BOX[0]] = (220, 40 * person, 20)
            rows.append(f"{number},{person},{2 * left},{2 * y},{2 * BOX[0]},{2 * BOX[1]},1,-1,-1,-1")
        cv2.imwrite(str(folder / f"{number:06}.png"), frame)
    gt.write_text("\n".join(rows))
    (tmp_path / "clip.seqinfo.ini").write_text(f"[Sequence]\nimWidth={2 * SIZE[1]}\nimHeight={2 * SIZE[0]}\n")
    return folder, gt
