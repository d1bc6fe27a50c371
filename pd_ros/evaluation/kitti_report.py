"""What an evaluation by the KITTI benchmark's rule gives, for programs and for readers."""

from collections.abc import Mapping
from typing import NamedTuple

from pd_ros.evaluation.average_precision import Floats, average_r11, average_r40

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
            for name, (easy, moderate, hard) in self.num_truth.items()
        ]
        if not any(entry.metric == "aos" for entry in self.entries):
            lines.append("aos: left out, the detections give no alpha (-10)")
        return "\n".join(lines)
