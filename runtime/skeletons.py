"""Joints drawn with OpenCV: over the frame, and as a body in space."""

import numpy as np

from . import opencv

LEFT, RIGHT, MIDDLE = (255, 160, 60), (60, 160, 255), (80, 220, 60)  # BGR, of the body's sides
SIDE = 480  # of the panel of `plot`, in pixels
TURN = 35  # degrees from which `plot` looks at the body, beside the camera


def draw(frame, people, skeleton, least=0.2):
    """Draw, in place, people [n, J, >= 3]: x, y, ..., score. Joints below the score `least` are left out."""
    cv2 = opencv.load()
    thick = max(1, min(frame.shape[:2]) // 200)
    for joints in people:
        seen = joints[:, -1] >= least
        points = [opencv.point(x, y) for x, y in joints[:, :2]]
        for first, last in skeleton.bones:
            if seen[first] and seen[last]:
                colour = _colour(skeleton.joints[first], skeleton.joints[last])
                cv2.line(frame, points[first], points[last], colour, thick, cv2.LINE_AA)
        for number in np.flatnonzero(seen):
            cv2.circle(frame, points[number], thick + 1, _colour(skeleton.joints[number]), -1, cv2.LINE_AA)


def plot(people, skeleton):
    """-> uint8 [SIDE, SIDE, 3]: the bodies of people [n, J, 4] (x, y, z, score), seen from TURN degrees to the side,
    with a cross of the axes x and z below.
    """
    cv2 = opencv.load()
    panel = np.empty((SIDE, SIDE, 3), np.uint8)
    panel.fill(30)
    angle = np.radians(TURN)
    for joints in people:
        body = joints[:, :3] - (joints[:, :3].min(axis=0) + joints[:, :3].max(axis=0)) / 2
        # A body keeps its size when it turns, whatever its pose.
        half = max(np.linalg.norm(body, axis=1).max(), 1e-6)
        floor = body[:, 1].max() * np.ones(4)
        ends = np.stack([[-half / 2, half / 2, 0, 0], floor, [0, 0, -half / 2, half / 2]], axis=1)
        turned = []
        for points in (body, ends):
            x = points[:, 0] * np.cos(angle) + points[:, 2] * np.sin(angle)
            away = points[:, 2] * np.cos(angle) - points[:, 0] * np.sin(angle)
            y = points[:, 1] - 0.25 * away  # from a little above
            turned.append(np.stack([x, y], axis=1) / half * 0.42 * SIDE + SIDE / 2)
        cross = [opencv.point(x, y) for x, y in turned[1]]
        cv2.line(panel, cross[0], cross[1], (90, 90, 90), 1, cv2.LINE_AA)
        cv2.line(panel, cross[2], cross[3], (90, 90, 90), 1, cv2.LINE_AA)
        for name, end in (("x", cross[1]), ("z", cross[3])):
            cv2.putText(panel, name, end, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (150, 150, 150), 1, cv2.LINE_AA)
        draw(panel, np.concatenate([turned[0], joints[:, 3:]], axis=1)[None], skeleton)
    return panel


def _colour(*names):
    if all(name.startswith("left") for name in names):
        return LEFT
    return RIGHT if all(name.startswith("right") for name in names) else MIDDLE
