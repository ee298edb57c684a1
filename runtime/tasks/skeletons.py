"""Bodies as networks number them: the names of the joints, and the bones between them."""

import collections

Skeleton = collections.namedtuple("Skeleton", "joints bones")  # names; pairs of the joints' numbers

COCO_17 = Skeleton(
    (
        "nose,left_eye,right_eye,left_ear,right_ear,left_shoulder,right_shoulder,left_elbow,right_elbow,left_wrist,"
        "right_wrist,left_hip,right_hip,left_knee,right_knee,left_ankle,right_ankle"
    ).split(","),
    [(0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12)]
    + [(11, 13), (13, 15), (12, 14), (14, 16)],
)

# MuCo-3DHP's 21, and Human3.6M's 17 with the thorax, as MobileHumanPose numbers them.
MUCO_21 = Skeleton(
    (
        "head_top,thorax,right_shoulder,right_elbow,right_wrist,left_shoulder,left_elbow,left_wrist,right_hip,"
        "right_knee,right_ankle,left_hip,left_knee,left_ankle,pelvis,spine,head,right_hand,left_hand,right_toe,left_toe"
    ).split(","),
    [(0, 16), (16, 1), (1, 15), (15, 14), (14, 8), (14, 11), (8, 9), (9, 10), (10, 19), (11, 12), (12, 13), (13, 20)]
    + [(1, 2), (2, 3), (3, 4), (4, 17), (1, 5), (5, 6), (6, 7), (7, 18)],
)
H36M_18 = Skeleton(
    (
        "pelvis,right_hip,right_knee,right_ankle,left_hip,left_knee,left_ankle,torso,neck,nose,head,left_shoulder,"
        "left_elbow,left_wrist,right_shoulder,right_elbow,right_wrist,thorax"
    ).split(","),
    [(0, 7), (7, 8), (8, 9), (9, 10), (8, 11), (11, 12), (12, 13), (8, 14), (14, 15), (15, 16)]
    + [(0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6)],
)

BLAZEPOSE_33 = Skeleton(
    (
        "nose,left_eye_inner,left_eye,left_eye_outer,right_eye_inner,right_eye,right_eye_outer,left_ear,right_ear,"
        "mouth_left,mouth_right,left_shoulder,right_shoulder,left_elbow,right_elbow,left_wrist,right_wrist,left_pinky,"
        "right_pinky,left_index,right_index,left_thumb,right_thumb,left_hip,right_hip,left_knee,right_knee,left_ankle,"
        "right_ankle,left_heel,right_heel,left_foot_index,right_foot_index"
    ).split(","),
    [(0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10), (11, 12), (11, 13), (13, 15), (15, 17)]
    + [(15, 19), (15, 21), (17, 19), (12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20), (11, 23), (12, 24)]
    + [(23, 24), (23, 25), (24, 26), (25, 27), (26, 28), (27, 29), (28, 30), (29, 31), (30, 32), (27, 31), (28, 32)],
)
