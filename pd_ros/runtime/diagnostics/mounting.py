"""Judge how a sensor is mounted and how it looks around, against the training's sensors."""

from pathlib import Path

from pd_ros.pointcloud.beams import Beams, sparser
from pd_ros.pointcloud.training_statistics import Expected
from pd_ros.pointcloud.z_offset import AutoOffset
from pd_ros.runtime.diagnostics.cloud_checks import Finding
from pd_ros.runtime.diagnostics.status import Level

_CHECKOUT = Path(__file__).resolve().parents[3]


def judge_offset(offset: AutoOffset, trained_ground_m: float | None) -> Finding:
    """Judge an ``input.z_offset`` that is to be measured."""
    expected = "the training's ground"
    if trained_ground_m is not None:
        expected += f" at {trained_ground_m:.2f} m"
    level, advice = Level.OK, ""
    if offset.offset_m is None:
        level, advice = Level.WARN, "answers are empty until then"
    elif not offset.found:
        level, advice = Level.WARN, "set input.z_offset to a number"
        if trained_ground_m is not None:
            advice += f": the sensor's height above the ground less {-trained_ground_m:.2f}"
    return Finding("input.z_offset", offset.text, expected, level, advice)


def judge_beams(beams: Beams, expected: Expected) -> list[Finding]:
    """Judge the rings of a sensor; one finding, none where nothing is expected.

    Never a warning: a sensor with fewer rings works, worse.
    """
    trained = expected.beams
    if trained is None:
        return []
    span = trained.text
    if expected.record.beams is None:
        span += ", as the simulated HDL-64E; not recorded in training"
    advice = ""
    if _unlike(beams.rings, trained.rings[0], trained.rings[2]):
        seen = f"{beams.rings} rings" if beams.rings else "no rings"
        known = f"{trained.rings[1]:.0f}" if trained.rings[1] else "none"
        advice = f"{seen}, trained on {known}: {advise_training()}"
    return [Finding("beams", beams.text, span, Level.OK, advice)]


def advise_training() -> str:
    """Say how to get a student for a sensor: the command, where it is there to be run."""
    for name in ("adapt.py", "adapt"):
        if (_CHECKOUT / "training" / name).exists():
            return "python -m training.adapt --sensor NAME-OR-FILE makes a student for this sensor"
    return "train on such a sensor to find more (docs/training/data.md)"


def _unlike(rings: float, low: float, high: float) -> bool:
    if rings == 0:
        return low > 0
    return sparser(rings, low) or sparser(high, rings)
