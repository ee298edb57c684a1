"""Exported networks in PyTorch: the operators of docs/op-spec.md with gradients, so that gates can be trained."""
