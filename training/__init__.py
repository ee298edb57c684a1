"""PyTorch networks to make patch-skipping. They need torch: pip install 'patchskip[train]'."""
