"""One process or many: what ``torchrun`` says, and nothing where it says nothing."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import distributed


class World(NamedTuple):
    """Where one process stands among those of the run."""

    rank: int
    processes: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0


@contextmanager
def join_world() -> Iterator[World]:
    """Join the processes that torchrun started (NCCL on GPUs, gloo on CPUs); alone without it."""
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    gpu = torch.cuda.is_available()
    device = torch.device(f"cuda:{local_rank}" if gpu else "cpu")
    if "WORLD_SIZE" not in os.environ:
        yield World(0, 1, device)
        return
    distributed.init_process_group("nccl" if gpu else "gloo")
    try:
        yield World(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        gc.collect()  # networks shared out lie in cycles, and keep threads of the group
        distributed.destroy_process_group()


def mean_over_world(values: torch.Tensor, world: World) -> torch.Tensor:
    """Average of a tensor over all processes."""
    if world.processes > 1:
        distributed.all_reduce(values)
        values /= world.processes
    return values


def any_over_world(value: bool, world: World) -> bool:
    """Whether it is true in any process: so all of them stop at the same step."""
    if world.processes == 1:
        return value
    flag = torch.tensor([float(value)], device=world.device)
    distributed.all_reduce(flag)
    return bool(flag > 0)
