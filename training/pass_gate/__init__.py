"""The learned gate of PASS: a ConvMixer on current and previous input, and its training without labels."""
