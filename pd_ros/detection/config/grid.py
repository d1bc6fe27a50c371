"""The space a network sees, its cells, and how much one cloud may put into them."""

from typing import Self

from pydantic import model_validator

from pd_ros.detection.config.base import CellSize, Coordinate, Count, FrozenConfig

# What is not finite lies beyond it, also in float32.
_HIGHEST = 1e38


class GridConfig(FrozenConfig):
    """The part of space a network sees, and the size of its pillars; cloud's frame, metres."""

    # x, y, z minimum; x, y, z maximum
    range_m: tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate, Coordinate]
    pillar_size_m: tuple[CellSize, CellSize]  # along x, along y
    voxel_height_m: CellSize | None = None  # None: pillars, as high as the range
    any_height: bool = False  # pillars also take the points above and below the range

    @property
    def point_range_m(self) -> tuple[float, float, float, float, float, float]:
        """Where the points lie that count; see ``range_m``."""
        if not self.any_height:
            return self.range_m
        x0, y0, _, x1, y1, _ = self.range_m
        return x0, y0, -_HIGHEST, x1, y1, _HIGHEST

    @property
    def layers(self) -> int:
        """Voxels above each other; 1 for pillars."""
        if self.voxel_height_m is None:
            return 1
        return round((self.range_m[5] - self.range_m[2]) / self.voxel_height_m)

    @property
    def size(self) -> tuple[int, int]:
        """Rows (y) and columns (x) of the pillar grid."""
        x0, y0, _, x1, y1, _ = self.range_m
        return round((y1 - y0) / self.pillar_size_m[1]), round((x1 - x0) / self.pillar_size_m[0])

    @model_validator(mode="after")
    def _whole_cells(self) -> Self:
        lower, upper = self.range_m[:3], self.range_m[3:]
        for axis, start, end in zip("xyz", lower, upper, strict=True):
            if end <= start:
                raise ValueError(f"{axis}: range from {start} to {end} m is empty or reversed")
        for axis, start, end, size in zip("xy", lower, upper, self.pillar_size_m, strict=False):
            cells = (end - start) / size
            if abs(cells - round(cells)) > 1e-6:
                raise ValueError(
                    f"{axis}: range {start} to {end} m is not a whole number of {size} m pillars"
                    f" ({cells:.3f}); change the range or the size"
                )
        height = (upper[2] - lower[2]) / (self.voxel_height_m or upper[2] - lower[2])
        if abs(height - round(height)) > 1e-6:
            raise ValueError(
                f"z: range {lower[2]} to {upper[2]} m is not a whole number of"
                f" {self.voxel_height_m} m voxels ({height:.3f}); change the range or the height"
            )
        return self

    @model_validator(mode="after")
    def _only_pillars_have_any_height(self) -> Self:
        if self.any_height and self.voxel_height_m is not None:
            raise ValueError("any_height: a point out of the range lies in no voxel; remove it")
        return self


class CapacityConfig(FrozenConfig):
    """How much one cloud may hold; what exceeds it is thinned out evenly, and counted."""

    max_points: Count = 200_000
    max_pillars: Count = 60_000
    max_points_per_pillar: Count | None = None  # None: dynamic, every point counts
