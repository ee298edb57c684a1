"""A network's own weights, trained to bear its gates."""
