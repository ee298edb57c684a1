"""MobileHumanPose, trained on a clip without labels: another network's joints are what it learns."""
