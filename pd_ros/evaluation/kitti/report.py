"""What an evaluation by the KITTI benchmark's rule gives, for programs and for readers."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.curves import CurvePanel, PrecisionCurve
from pd_ros.evaluation.matching import (
    RECALL_SLOTS,
    Floats,
    average_r11,
    average_r40,
    reachable_r40,
)

DIFFICULTIES = ("easy", "moderate", "hard")
_DIFFICULTY_HEADS = f"{'easy':>8}{'moderate':>10}{'hard':>8}"

ApTree = dict[str, dict[str, dict[str, dict[str, list[float]]]]]


class KittiEntry(NamedTuple):
    """One class by one metric at one level of overlap."""

    class_name: str
    metric: str  # bbox, bev, 3d or aos
    level: str  # strict or loose
    curves: Floats  # [3, 41] precision at 41 recalls for easy, moderate, hard

    @property
    def r40(self) -> list[float]:
        """AP over 40 recalls in percent: easy, moderate, hard."""
        return [average_r40(curve) for curve in self.curves]

    @property
    def r11(self) -> list[float]:
        """AP over 11 recalls in percent: easy, moderate, hard."""
        return [average_r11(curve) for curve in self.curves]


class KittiReport(NamedTuple):
    """All classes by all metrics; without ``aos`` where a detection has no alpha."""

    entries: tuple[KittiEntry, ...]
    num_truth: Mapping[str, tuple[int, ...]]  # per class: objects that count, per difficulty
    without_image_box: Mapping[str, int]  # labels, detections: how many of the classes

    def to_json(self) -> ApTree:
        """``{class: {metric: {strict|loose: {R40|R11: [easy, moderate, hard]}}}}`` in percent."""
        tree: ApTree = {}
        for entry in self.entries:
            levels = tree.setdefault(entry.class_name, {}).setdefault(entry.metric, {})
            levels[entry.level] = {"R40": entry.r40, "R11": entry.r11}
        return tree

    def format_table(self) -> str:
        """Return the scores as text, a line for each class, metric and level."""
        lines = [
            f"{'AP in percent':27}{'R40':^24}  {'R11':^24}".rstrip(),
            f"{'class':11} {'metric':6} {'IoU':7} " + _DIFFICULTY_HEADS * 2,
        ]
        for entry in self.entries:
            lines.append(
                f"{entry.class_name:11} {entry.metric:6} {entry.level:7} "
                + "".join(f"{e:8.2f}{m:10.2f}{h:8.2f}" for e, m, h in (entry.r40, entry.r11))
            )
        lines += [
            f"{name}: {easy} easy, {moderate} moderate, {hard} hard objects count"
            + _limits((easy, moderate, hard))
            for name, (easy, moderate, hard) in self.num_truth.items()
        ]
        lines += [
            f"{count} {what} have no image box, hence no height by which they would count"
            for what, count in self.without_image_box.items() if count
        ]  # fmt: skip
        if not any(entry.metric == "aos" for entry in self.entries):
            lines.append("aos: left out, the detections give no alpha (-10)")
        return "\n".join(lines)

    def panels(self) -> list[list[CurvePanel]]:
        """Precision over recall at the strict overlap: a row for each class."""
        entries = [entry for entry in self.entries if entry.level == "strict"]
        classes = dict.fromkeys(entry.class_name for entry in entries)
        return [[_panel(e) for e in entries if e.class_name == name] for name in classes]


def _limits(num_truth: tuple[int, ...]) -> str:
    """What to say of the AP that so few objects can reach; "" of enough."""
    limits = [reachable_r40(count) for count in num_truth]
    if min(limits) == 100:
        return ""
    return f"; fewer than 41 cannot reach 100: R40 at most {', '.join(f'{ap:g}' for ap in limits)}"


def _panel(entry: KittiEntry) -> CurvePanel:
    recall = np.linspace(0, 1, RECALL_SLOTS)
    curves = [
        PrecisionCurve(f"{difficulty} R40 {ap:.1f}", recall, curve)
        for difficulty, ap, curve in zip(DIFFICULTIES, entry.r40, entry.curves, strict=True)
    ]
    return CurvePanel(f"{entry.class_name} {entry.metric} strict", curves)
