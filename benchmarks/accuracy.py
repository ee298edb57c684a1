"""AP50 of a person detector against MOTChallenge ground truth.

Average precision as PASCAL VOC 2010 and later define it (Everingham et al., IJCV 2015): the detections of the whole
clip in order of falling score, each matched with the free ground-truth box of its frame that it overlaps most, true
when the intersection over union is at least 0.5; then the area under the precision curve made monotonic.
"""

import configparser
import warnings
from pathlib import Path

import numpy as np

from patchskip.runtime.errors import PatchskipError, one_line
from patchskip.runtime.tasks.boxes import overlap

PERSON = 0  # COCO's first class
# Where the curve is cut, and the overlap that merges two boxes. With them yolox_nano at 576x768 has .9445 on frames 400
# to 479 of the PETS09-S2L1 video and .827 on its first 120 camera images; .01 and .65 give .946 and .839.
CONFIDENCE = 0.03
NMS = 0.45
STRAY = 0.02  # of the boxes may have their centre outside of the picture
TITLES = {"ap50": "AP50", "hota": "HOTA", "mota": "MOTA", "idf1": "IDF1", "id_switches": "ID switches"}


class GroundTruth:
    """Boxes of a MOTChallenge `gt.txt`: frame (from 1), id, left, top, width, height, conf, ...; conf 0 is ignored.

    The size of the annotated image is read from `NAME.seqinfo.ini` beside `NAME.gt.txt`, or from `seqinfo.ini` beside
    it or, as the challenge has it, beside its folder `gt`; without any the boxes are taken to be in pixels of the clip.
    """

    def __init__(self, path):
        path = Path(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of an empty file, which is an error below
                rows = np.loadtxt(path, delimiter=",", ndmin=2)
        except (OSError, ValueError) as error:
            raise PatchskipError(f"ground truth {path}: {error}; expected MOTChallenge rows of numbers") from None
        if rows.size == 0 or rows.shape[1] < 7:
            raise PatchskipError(f"ground truth {path}: found {rows.shape} values; expected rows of 7 numbers or more")
        if not np.isfinite(rows[:, :7]).all():
            raise PatchskipError(f"ground truth {path}: some of its values are not finite; expected rows of numbers")
        rows = rows[rows[:, 6] != 0]
        corners = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
        self.path = path
        self.boxes = {int(frame): corners[rows[:, 0] == frame] for frame in np.unique(rows[:, 0])}
        self.ids = {frame: rows[rows[:, 0] == frame, 1].astype(int) for frame in self.boxes}
        self.image_size = _image_size(path)

    def identities(self, number):
        """The persons' ids [n] in frame `number`, in the order of its boxes."""
        return self.ids.get(number, np.zeros(0, int))

    def require_identities(self):
        """Raise PatchskipError unless every person has an id of their own in each frame."""
        for number, ids in self.ids.items():
            if (ids < 0).any() or len(np.unique(ids)) < len(ids):
                raise PatchskipError(
                    f"ground truth {self.path}: the ids of frame {number} are {', '.join(map(str, ids[:8]))}; tracking "
                    "needs a number for each person in the second column; or give --task detect"
                )

    def require_persons(self, numbers, where):
        """Raise PatchskipError unless a person is in the frames `numbers` (from 1), which are those `where` says."""
        if not any(len(self.boxes.get(number, ())) for number in numbers):
            raise PatchskipError(f"the ground truth {self.path} has no person in the {where}; give the clip it is of")

    def require_pixels_of(self, source):
        """Raise PatchskipError when the size of the annotated pictures is not known, and the source's is another. There
        are boxes.
        """
        corners = np.concatenate(list(self.boxes.values()))
        centres = (corners[:, :2] + corners[:, 2:]) / 2
        height, width = source.size
        if self.image_size is None and np.mean((centres > (width, height)).any(axis=1)) > STRAY:
            raise PatchskipError(
                f"the ground truth {self.path} reaches to {corners[:, 2].max():.0f}, {corners[:, 3].max():.0f}, and "
                f"the frames of {source.spec} are {width}x{height}; put the challenge's seqinfo.ini beside it, with "
                "imWidth and imHeight of the annotated pictures"
            )

    def frame(self, number, size):
        """Boxes [n, 4] x1 y1 x2 y2 of frame `number` (from 1) in pixels of an image of `size` (width, height)."""
        boxes = self.boxes.get(number, np.zeros((0, 4)))
        if self.image_size is None:
            return boxes
        return boxes * np.tile(np.divide(size, self.image_size), 2)

    def persons(self, source, index, frame):
        """-> (ids [n], boxes [n, 4] in the frame's pixels) of the persons in the source's frame `index` (from 0)."""
        number = frame_number(source, index)
        return self.identities(number), self.frame(number, frame.shape[1::-1])


def _image_size(path):
    candidates = [path.with_name(path.name.replace(".gt.txt", ".seqinfo.ini")), path.with_name("seqinfo.ini")]
    if path.absolute().parent.name == "gt":
        candidates.append(path.absolute().parent.parent / "seqinfo.ini")
    for candidate in candidates:
        if candidate != path and candidate.is_file():
            sequence = configparser.ConfigParser()
            try:
                sequence.read(candidate)
                size = sequence.getint("Sequence", "imWidth"), sequence.getint("Sequence", "imHeight")
            except (configparser.Error, ValueError) as error:
                raise PatchskipError(
                    f"{candidate}: {one_line(error)}; expected imWidth and imHeight under [Sequence]"
                ) from None
            if min(size) < 1:
                raise PatchskipError(
                    f"{candidate}: the size is {size[0]}x{size[1]}; give that of the annotated pictures"
                )
            return size
    return None


def frame_number(source, index):
    """The ground truth's number of the source's frame `index` (from 0): an image's file name, where it is one, or how
    many there are up to it."""
    index += source.first
    paths = getattr(source, "paths", None)
    stem = Path(paths[index]).stem if paths else ""
    return int(stem) if stem.isdecimal() else index + 1


def require_persons(truth, source, indexes):
    """Raise PatchskipError unless the ground truth has a person in the source's frames `indexes`, in their pixels."""
    numbers = [frame_number(source, index) for index in indexes]
    truth.require_persons(numbers, f"{len(numbers)} frames of {source.spec} that are looked at")
    truth.require_pixels_of(source)


def average_precision(detections, truths, iou=0.5):
    """AP in 0..1. `detections`: for each frame [n, >=5] x1 y1 x2 y2 score; `truths`: for each frame [m, 4]."""
    scores, hits = [], []
    for found, truth in zip(detections, truths):
        found = found[np.argsort(-found[:, 4], kind="mergesort")]
        shared = overlap(found, truth)
        for score, row in zip(found[:, 4], shared):
            best = int(row.argmax()) if row.size else -1
            hit = best >= 0 and row[best] >= iou
            if hit:
                shared[:, best] = -1  # taken
            scores.append(score)
            hits.append(hit)
    total = sum(len(truth) for truth in truths)
    if total == 0:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="mergesort")
    true = np.cumsum(np.array(hits, float)[order])
    precision = true / np.arange(1, len(true) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate([[0], true])) / total
    return float((envelope * steps).sum())
