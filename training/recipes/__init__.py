"""Whole trainings of the backbones, for those who have a clip and a small machine."""
