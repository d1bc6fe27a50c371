"""Counts and differences of paired boxes, to be added up over clouds."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Counts and sums over pairs; those of two frames are added by ``+``."""

    matched: int = 0
    missed: int = 0
    extra: int = 0
    iou: float = 0.0
    centre_m: float = 0.0
    size_m: float = 0.0
    yaw_rad: float = 0.0  # between the boxes' axes, direction aside
    reversed: float = 0.0  # pairs that look the opposite way
    score: float = 0.0

    def __add__(self, other: "Agreement") -> "Agreement":
        mine, theirs = vars(self), vars(other)
        return Agreement(**{name: value + theirs[name] for name, value in mine.items()})

    @property
    def recall(self) -> float | None:
        """The share of the others' boxes that was found; None where they have none."""
        return _share(self.matched, self.matched + self.missed)

    @property
    def precision(self) -> float | None:
        """The share of the boxes found that the others have, too; None where none was found."""
        return _share(self.matched, self.matched + self.extra)

    def means(self) -> dict[str, float] | None:
        """Means over the pairs, by name and unit; None where there is no pair.

        IoU from above, distance of the centres, absolute difference of length, width and height,
        angle between the axes (0 to 90 degrees), share of pairs that look the opposite way, score
        found minus the other one.
        """
        if not self.matched:
            return None
        return {
            "bev_iou": self.iou / self.matched,
            "centre_m": self.centre_m / self.matched,
            "size_m": self.size_m / self.matched,
            "yaw_deg": math.degrees(self.yaw_rad / self.matched),
            "reversed": self.reversed / self.matched,
            "score": self.score / self.matched,
        }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
