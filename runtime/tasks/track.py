"""Tracks: what a detector finds in each frame, followed through the video. See tracker.py."""

import numpy as np

from ..errors import PatchskipError
from . import centres, detect
from .tracker import Tracker

DECODERS = {"yolox": detect, "fairmot": centres}
# Scores. SURE: from which a detection is relied on, as in ByteTrack and FairMOT. DOUBTFUL: the least that may continue
# a track; where patches are skipped, somebody who has left leaves traces below. BEGIN: how far from relied on to 1 the
# score lies that begins a track.
SURE = {"yolox": 0.6, "fairmot": 0.4}
DOUBTFUL = {"yolox": 0.4, "fairmot": 0.2}
BEGIN = {"yolox": 0.5, "fairmot": 0.0}


def fits(model):
    """Is there a decoder for the model's outputs?"""
    return any(decoder.fits(model) for decoder in DECODERS.values())


def create(model, conf=None, nms=None, classes=None, decoder=None):
    """-> Track. decoder: "yolox" or "fairmot"; None finds it out from the outputs' names and shapes.

    conf: the score from which a detection is relied on; None is the decoder's own, see SURE. nms, classes: as of
    detect; FairMOT has no nms, as two boxes have two centres.
    """
    if decoder is None:
        decoder = next((name for name, module in DECODERS.items() if module.fits(model)), None)
    if decoder in DECODERS:
        conf = SURE[decoder] if conf is None else conf
        least, tracker = min(conf, DOUBTFUL[decoder]), Tracker(conf, conf + BEGIN[decoder] * (1 - conf))
    if decoder == "yolox":
        find = detect.create(model, least, detect.NMS if nms is None else nms, classes)
        return Track(lambda outputs, scale: (find(outputs, scale), None), find.count, tracker)
    if decoder == "fairmot":
        if nms is not None:
            raise PatchskipError("FairMOT finds persons by their centres and has no use for nms; leave it out")
        if classes is not None and not {"person", str(centres.PERSON)} & {str(word) for word in classes}:
            raise PatchskipError("FairMOT finds persons and nothing else, not {}".format(",".join(map(str, classes))))
        find = centres.create(model, least)
        return Track(find, find.count, tracker)
    raise PatchskipError(
        "{} has the outputs {}, neither a YOLOX-style detector's nor FairMOT's hm, wh, id and reg, and there is "
        "nothing to track; use --task none".format(model.path, {o["name"]: o["shape"] for o in model.outputs})
    )


class Track:
    """`track(outputs, scale)` -> float32 [n, 7]: x1, y1, x2, y2 in the frame's pixels, score, class, id; by id.

    Called for every frame in turn: it remembers. `track.coast()` is the same for a frame that the network does not see:
    the tracks where they should be by now. `track.shift(dx, dy)`: the camera was bumped, and everything is that many of
    the frame's pixels further. count: how many classes the detector tells apart. find: what is tracked, `find(outputs,
    scale)` -> (float32 [n, 6] as detect's, embeddings [n, c] or None).
    """

    def __init__(self, find, count, tracker):
        self.count = count
        self.find, self._tracker = find, tracker

    def __call__(self, outputs, scale=(1.0, 1.0)):
        found, embeddings = self.find(outputs, scale)
        finite = np.isfinite(found).all(axis=1)
        if embeddings is not None:
            embeddings = embeddings[finite]
        found = found[finite]
        return self._tracker(found[:, :4], found[:, 4], found[:, 5], embeddings)

    def coast(self):
        return self._tracker.coast()

    def shift(self, dx, dy):
        self._tracker.shift(dx, dy)
