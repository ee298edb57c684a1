"""Whole trainings of the backbones, for those who have a labelled clip and a small machine."""
