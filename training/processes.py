"""The processes that train together: one, or those that torchrun started, on one machine or several."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from patchskip.runtime.errors import PatchskipError


def reproducible(threads: int | None) -> None:
    """Compute the same in every run, where PyTorch can, with so many threads (None: its own choice)."""
    torch.set_num_threads(threads or torch.get_num_threads())
    torch.use_deterministic_algorithms(True, warn_only=True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


class Processes:
    """rank, count: which of how many processes this is. device: where it computes. Use as a context."""

    def __init__(self) -> None:
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if gpu else torch.device("cpu")
        self._backend = "nccl" if gpu else "gloo"

    def __enter__(self) -> Processes:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.count > 1:
            try:
                dist.init_process_group(self._backend)
            except (RuntimeError, ValueError) as error:
                raise PatchskipError(
                    f"the {self.count} processes do not find each other: {str(error).splitlines()[0]}; start them with "
                    "torchrun"
                ) from error
        return self

    def __exit__(self, *_) -> None:
        if self.count > 1:
            dist.destroy_process_group()

    @property
    def writes(self) -> bool:
        """Is it this process that writes files and talks?"""
        return self.rank == 0

    def require_shared(self, streams: int) -> None:
        """Raises PatchskipError when so many streams are no whole number for each process."""
        if streams % self.count:
            raise PatchskipError(f"--streams {streams} cannot be shared by {self.count} processes alike")

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Each tensor becomes its mean over all processes."""
        if self.count > 1:
            joined = torch.cat([tensor.detach().flatten() for tensor in tensors])
            dist.all_reduce(joined)
            for tensor, mean in zip(tensors, (joined / self.count).split([tensor.numel() for tensor in tensors])):
                tensor.detach().copy_(mean.view_as(tensor))

    def from_first(self, value):
        """What the first process has, in all of them."""
        if self.count > 1:
            box = [value]
            dist.broadcast_object_list(box, 0)
            return box[0]
        return value
