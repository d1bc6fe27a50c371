"""Non-local block: every position with what it has to do with all others (Wang et al. 2018)."""

from torch import Tensor, nn
from torch.nn import functional as F


class NonLocal(nn.Module):
    """Dot products without softmax, of positions with a subsampled set of them; residual."""

    def __init__(self, channels: int, subsample: int) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self._subsample = subsample
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.out = nn.Sequential(nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
        norm = self.out[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)  # the block starts as the identity

    def forward(self, feature_map: Tensor) -> Tensor:
        """Same shape ``[B, C, H, W]``."""
        key, value = self.key(feature_map), self.value(feature_map)
        kernel = [min(self._subsample, size) for size in feature_map.shape[2:]]
        key, value = (F.max_pool2d(each, kernel).flatten(2) for each in (key, value))
        query = self.query(feature_map)
        # Values are gathered over the pooled positions first: the same product, in less memory.
        context = value @ key.transpose(1, 2) / key.shape[2]
        gathered = (context @ query.flatten(2)).view_as(query)
        out: Tensor = self.out(gathered)
        return feature_map + out
