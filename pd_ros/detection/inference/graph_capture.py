"""Work on a GPU recorded once, to be launched as a whole."""

from collections.abc import Callable
from typing import TypeVar

import torch

_ROUNDS_BEFORE_CAPTURE = 3  # as torch's notes on CUDA graphs ask for

Result = TypeVar("Result")


def record(
    work: Callable[[], Result], stream: torch.cuda.Stream
) -> tuple[torch.cuda.CUDAGraph, Result]:
    """Work of fixed sizes as a graph, and where each replay leaves its result.

    What the work reads must keep its place. It is run a few times on the stream before.
    """
    stream.wait_stream(torch.cuda.current_stream(stream.device))
    with torch.cuda.stream(stream):
        for _ in range(_ROUNDS_BEFORE_CAPTURE):
            work()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    # Other threads of the node may use the GPU meanwhile.
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        result = work()
    return graph, result
