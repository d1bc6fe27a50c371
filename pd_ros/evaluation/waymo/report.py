"""What an evaluation by the Waymo Open Dataset's rule gives, for programs and for readers."""

from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.curves import CurvePanel, PrecisionCurve
from pd_ros.evaluation.waymo.curve import WaymoCurve

EVERYWHERE = "all"
# The types that the leaderboard's mean (ALL_NS) is over.
_MEAN_TYPES = ("VEHICLE", "PEDESTRIAN", "CYCLIST")


class WaymoEntry(NamedTuple):
    """One type of object at one level, everywhere or within a range."""

    type_name: str
    range_m: str  # all, [0, 30), [30, 50) or [50, +inf)
    level: int  # 1 or 2
    num_truth: int  # objects of the level and easier ones
    curve: WaymoCurve

    @property
    def key(self) -> str:
        """The name that the dataset's own tool prints."""
        if self.range_m == EVERYWHERE:
            return f"OBJECT_TYPE_TYPE_{self.type_name}_LEVEL_{self.level}"
        return f"RANGE_TYPE_{self.type_name}_{self.range_m}_LEVEL_{self.level}"


class WaymoReport(NamedTuple):
    """All types and ranges at both levels, those with nothing to find too."""

    entries: tuple[WaymoEntry, ...]

    def to_json(self) -> dict[str, dict[str, float]]:
        """``{"OBJECT_TYPE_TYPE_VEHICLE_LEVEL_1": {"AP": ..., "APH": ...}, ...}`` in [0, 1]."""
        return {
            entry.key: {"AP": entry.curve.ap, "APH": entry.curve.aph} for entry in self.entries
        }

    def format_table(self) -> str:
        """Return the scores as text, a line for each type and level."""
        ranges = list(dict.fromkeys(entry.range_m for entry in self.entries))
        lines = [
            f"{'AP, APH in percent':27}" + "".join(f"{_metres(name):>18}" for name in ranges),
            f"{'type':11} {'level':7} {'objects':>7}" + f"{'AP':>10}{'APH':>8}" * len(ranges),
        ]
        for name, level in dict.fromkeys((entry.type_name, entry.level) for entry in self.entries):
            row = [e for e in self.entries if (e.type_name, e.level) == (name, level)]
            lines.append(
                f"{name:11} LEVEL_{level} {row[0].num_truth:7d}"
                + "".join(f"{100 * e.curve.ap:10.2f}{100 * e.curve.aph:8.2f}" for e in row)
            )
        return "\n".join(lines + [self._mean_line(level) for level in (1, 2)])

    def panels(self) -> list[list[CurvePanel]]:
        """Precision over recall: a row for each range, a column for each type."""
        types = dict.fromkeys(entry.type_name for entry in self.entries)
        ranges = dict.fromkeys(entry.range_m for entry in self.entries)
        return [[self._panel(name, range_m) for name in types] for range_m in ranges]

    def _panel(self, type_name: str, range_m: str) -> CurvePanel:
        entries = [e for e in self.entries if (e.type_name, e.range_m) == (type_name, range_m)]
        curves = [
            PrecisionCurve(
                f"LEVEL_{level} AP {100 * curve.ap:.1f} APH {100 * curve.aph:.1f}",
                curve.recall,
                curve.precision,
            )
            for _, _, level, _, curve in entries
        ]
        return CurvePanel(f"{type_name} {_metres(range_m)}", curves)

    def _mean_line(self, level: int) -> str:
        curves = [
            entry.curve
            for entry in self.entries
            if (entry.range_m, entry.level) == (EVERYWHERE, level)
            and entry.type_name in _MEAN_TYPES
        ]
        ap, aph = 100 * np.mean([(curve.ap, curve.aph) for curve in curves], axis=0)
        return f"{'ALL_NS':11} LEVEL_{level} {'':7}{ap:10.2f}{aph:8.2f}   (mean without signs)"


def _metres(range_m: str) -> str:
    return range_m if range_m == EVERYWHERE else f"{range_m} m"
