"""The groups of boxes that a picture from above shows, and how each looks.

With ground truth a box is found, missed or imagined; without, its class is all that is known.
Groups differ in line and fill as well as in colour, so that nobody has to tell red from green.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.plots.outcome import sort_boxes


class BirdseyePanel(NamedTuple):
    """One cloud with its boxes."""

    points: Tensor  # [N, 3+], x, y, z first
    detections: Detections
    classes: Sequence[str]  # names of the detections' labels
    title: str
    ground_truth: GroundTruth | None = None
    truth_name: str = "ground truth"
    unlabelled: Tensor | None = None  # [D] bool: detections where nobody labelled

    @property
    def objects(self) -> int:
        """How many objects are asked for; without ground truth, how many were detected."""
        truth = self.ground_truth
        if truth is None:
            return len(self.detections.labels)
        return int((~truth.ignore & (truth.labels >= 0)).sum())


class BoxStyle(NamedTuple):
    """How the boxes of a group look."""

    edge: str
    fill: str = "none"
    line: Literal["-", "--"] = "-"
    width: float = 2.0


class Layer(NamedTuple):
    """Boxes that look alike, and what is said of them."""

    name: str
    boxes: Tensor  # [K, 7]
    style: BoxStyle
    asked: int | None = None  # of how many these are
    note: str = ""  # for the legend
    in_headline: bool = True

    @property
    def summary(self) -> str:
        """Name and number: ``found 9 of 11``."""
        among = "" if self.asked is None else f" of {self.asked}"
        return f"{self.name} {len(self.boxes)}{among}"


FOUND = BoxStyle("#00875f")
MISSED = BoxStyle("#d4002a", line="--", width=2.2)
IMAGINED = BoxStyle("#b35c00", fill="#ff9f1c")
WRONG = BoxStyle("#e07b00", fill="#ffe3bf", width=1.4)
NOT_SCORED = BoxStyle("#b3b9c1", width=1.2)
# Okabe and Ito's colours, which the colour-blind can tell apart, as far as they show on white.
_CLASS_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def box_layers(panel: BirdseyePanel) -> list[Layer]:
    """Return the groups of boxes of a cloud, the most important last; also empty groups."""
    if panel.ground_truth is None:
        return _by_class(panel)
    boxes, truth = panel.detections.boxes, panel.ground_truth
    outcome = sort_boxes(panel.detections, truth, panel.classes, panel.unlabelled)
    pale = torch.cat((truth.boxes[outcome.ignored], boxes[outcome.not_scored].to(truth.boxes)))
    return [
        Layer(
            "not scored", pale, NOT_SCORED, note="too far, too few points", in_headline=False
        ),
        Layer(
            "wrong", boxes[outcome.wrong], WRONG, note="misplaced, twice, other class",
            in_headline=False,
        ),
        Layer("imagined", boxes[outcome.imagined], IMAGINED, note="nothing is there"),
        Layer("missed", truth.boxes[outcome.missed], MISSED),
        Layer("found", boxes[outcome.found], FOUND, asked=outcome.objects),
    ]  # fmt: skip


def headline(layers: Sequence[Layer]) -> str:
    """Say in one line what came out: ``found 9 of 11, missed 2, imagined 1``."""
    return ", ".join(layer.summary for layer in reversed(layers) if layer.in_headline)


def _by_class(panel: BirdseyePanel) -> list[Layer]:
    labels = panel.detections.labels
    return [
        Layer(
            name,
            panel.detections.boxes[labels == number],
            BoxStyle(_CLASS_COLOURS[number % len(_CLASS_COLOURS)]),
        )
        for number, name in reversed(list(enumerate(panel.classes)))
    ]
