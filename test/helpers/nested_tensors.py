"""All tensors of a batch, for comparing two of them."""

from torch import Tensor


def tensors(item: object) -> list[Tensor]:
    """Those of nested tuples, in their order; what else is in them is left out."""
    if isinstance(item, Tensor):
        return [item]
    return [t for part in item for t in tensors(part)] if isinstance(item, tuple) else []
