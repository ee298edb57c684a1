"""Calibration: the gates of a model, chosen on clips so that few multiplications cost little fidelity; no training."""
