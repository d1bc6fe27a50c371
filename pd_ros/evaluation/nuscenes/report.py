"""What an evaluation by nuScenes' rule gives, for programs and for readers."""

from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.curves import CurvePanel, PrecisionCurve
from pd_ros.evaluation.matching import Floats
from pd_ros.evaluation.nuscenes.curve import RECALLS, average_precision
from pd_ros.evaluation.nuscenes.errors import TruePositiveErrors

# NDS counts the mean AP as much as all five errors.
_MEAN_AP_WEIGHT = 5
_PANELS_PER_ROW = 5


class NuscenesEntry(NamedTuple):
    """One class."""

    class_name: str
    num_truth: int  # objects that count
    precision: dict[float, Floats]  # per distance in metres: [101] over recall
    errors: TruePositiveErrors

    @property
    def aps(self) -> dict[float, float]:
        """AP in [0, 1] for each distance in metres."""
        return {metres: average_precision(curve) for metres, curve in self.precision.items()}

    @property
    def mean_ap(self) -> float:
        """Mean of the APs over the distances."""
        return float(np.mean(list(self.aps.values())))


class NuscenesReport(NamedTuple):
    """All ten classes, those without objects too."""

    entries: tuple[NuscenesEntry, ...]

    @property
    def mean_ap(self) -> float:
        """Mean AP over the classes; those without objects count as 0."""
        return float(np.mean([entry.mean_ap for entry in self.entries]))

    @property
    def tp_errors(self) -> TruePositiveErrors:
        """Mean errors over the classes that each is defined for."""
        errors = np.array([entry.errors for entry in self.entries])
        return TruePositiveErrors(*np.nanmean(errors, axis=0).tolist())

    @property
    def nd_score(self) -> float:
        """NDS, the nuScenes detection score, in [0, 1]."""
        scores = [max(0.0, 1 - error) for error in self.tp_errors]
        weighted = _MEAN_AP_WEIGHT * self.mean_ap + sum(scores)
        return weighted / (_MEAN_AP_WEIGHT + len(scores))

    def to_json(self) -> dict[str, object]:
        """Under the names of the development kit; null where an error is undefined for a class."""
        return {
            "mean_ap": self.mean_ap,
            "nd_score": self.nd_score,
            "tp_errors": self.tp_errors._asdict(),
            "label_aps": {
                entry.class_name: {str(metres): ap for metres, ap in entry.aps.items()}
                for entry in self.entries
            },
            "label_tp_errors": {
                entry.class_name: {
                    name: None if np.isnan(error) else error
                    for name, error in entry.errors._asdict().items()
                }
                for entry in self.entries
            },
        }

    def format_table(self) -> str:
        """Return the scores as text, a line for each class."""
        distances = [f"{metres:g} m" for metres in self.entries[0].precision]
        heads = [*distances, "mean"]
        lines = [
            f"{'':20} {'':7}{'AP in percent':>{8 * len(heads)}}{'ATE':>8}{'ASE':>8}{'AOE':>8}"
            f"{'AVE':>8}{'AAE':>8}",
            f"{'class':20} {'objects':>7}" + "".join(f"{head:>8}" for head in heads)
            + f"{'m':>8}{'1-IoU':>8}{'rad':>8}{'m/s':>8}{'1-acc':>8}",
        ]  # fmt: skip
        for entry in self.entries:
            aps = [*entry.aps.values(), entry.mean_ap]
            lines.append(
                f"{entry.class_name:20} {entry.num_truth:7d}"
                + "".join(f"{100 * ap:8.2f}" for ap in aps)
                + _format_errors(entry.errors)
            )
        lines.append(f"{'mean':28}{100 * self.mean_ap:{8 * len(heads)}.2f}"
                     + _format_errors(self.tp_errors))  # fmt: skip
        return "\n".join([*lines, f"NDS {100 * self.nd_score:.2f}"])

    def panels(self) -> list[list[CurvePanel]]:
        """Precision over recall, a panel for each class."""
        panels = [_panel(entry) for entry in self.entries]
        starts = range(0, len(panels), _PANELS_PER_ROW)
        return [panels[start : start + _PANELS_PER_ROW] for start in starts]


def _panel(entry: NuscenesEntry) -> CurvePanel:
    curves = [
        PrecisionCurve(f"{metres:g} m: AP {100 * ap:.1f}", RECALLS, entry.precision[metres])
        for metres, ap in entry.aps.items()
    ]
    return CurvePanel(entry.class_name, curves)


def _format_errors(errors: TruePositiveErrors) -> str:
    return "".join(f"{'-':>8}" if np.isnan(error) else f"{error:8.3f}" for error in errors)
