"""The head's maps one after another with a name each, as runtimes of other makers know them."""

from collections.abc import Mapping

from torch import Tensor, nn

from pd_ros.detection.model import DenseNetwork
from pd_ros.detection.types import HeadMaps

_KINDS = ("heatmap", "box", "direction", "quality")


class FlatDense(nn.Module):
    """Canvas to the head's maps alone: stages and neck are of use to training only."""

    def __init__(self, dense: DenseNetwork) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, canvas: Tensor) -> tuple[Tensor, ...]:
        """Canvas ``[1, C, rows, columns]`` -> the maps in the order of ``named_maps``."""
        return tuple(named_maps(self.dense(canvas)[2]).values())


def named_maps(maps: HeadMaps) -> dict[str, Tensor]:
    """``heatmap``, ``box`` and so on, as far as there are; of coarser levels with _1 ..."""
    return {
        f"{kind}_{number}" if number else kind: values
        for number, level in enumerate(maps.levels)
        for kind in _KINDS
        if (values := getattr(level, kind)) is not None
    }


def join_maps(named: Mapping[str, Tensor]) -> HeadMaps:
    """The maps of ``named_maps`` as they were."""
    finest, *coarser = (
        HeadMaps(*(named.get(f"{kind}_{number}" if number else kind) for kind in _KINDS))  # type: ignore[arg-type]
        for number in range(sum(name.startswith("heatmap") for name in named))
    )
    return finest._replace(coarser=tuple(coarser))
