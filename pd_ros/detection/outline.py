"""Networks without memory for their weights, to see how large they would be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_MOST_WEIGHTS = 1_000_000_000  # 4 GB; what is published has up to some ten million


class _NothingDrawn(TorchFunctionMode):
    """Leaves out first values: where there is no memory, they would only cost time."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if getattr(function, "__name__", "").endswith(("uniform_", "normal_")):
            return args[0] if args else given["tensor"]
        return function(*args, **given)


@contextmanager
def outlines() -> Iterator[None]:
    """Modules made here have names and shapes, and take no memory."""
    with torch.device("meta"), _NothingDrawn():
        yield


def check_weights(model: nn.Module, name: str) -> None:
    """Raise ``ValueError`` where a network has more weights than any that makes sense."""
    count = sum(value.numel() for value in model.state_dict().values())
    if count > _MOST_WEIGHTS:
        raise ValueError(
            f"{name}: expected a network of up to {_MOST_WEIGHTS:.0e} weights, got a config that"
            f" asks for {count:.2g} ({4 * count / 1e9:.3g} GB); lower its widths and layers"
        )


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Weights and statistics; the count of batches is bookkeeping that no detector needs."""
    state: dict[str, Tensor] = model.state_dict()
    return {name: value for name, value in state.items() if "num_batches_tracked" not in name}
