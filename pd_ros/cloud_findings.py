"""Why are there no boxes? A cloud against the clouds that the model was trained on.

Each finding has the value, what was expected, and the parameter to change. No ROS, no torch.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.cloud_content import CloudContent
from pd_ros.cloud_record import CloudRecord, Expected
from pd_ros.health import Level

_GROUND_TOLERANCE_M = 0.4  # streets slope, and detectors are trained on shifted clouds
_DIM, _BRIGHT = 0.2, 5.0  # times the training's, of intensities that are still understood
_LEAST_IN_RANGE = 0.2
_LEAST_POINTS, _FEW_POINTS = 0.1, 0.5  # of the training's
_MOST_INVALID = 0.5
_FLAT_M = 0.2


class Finding(NamedTuple):
    """One property of a cloud."""

    name: str
    value: str
    expected: str
    level: Level  # OK or WARN
    advice: str  # what to change; with OK a remark, mostly empty

    @property
    def text(self) -> str:
        """One line: value, expectation and advice."""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.value} (expected {self.expected}){advice}"


class Handling(NamedTuple):
    """How the node treats the clouds before the model sees them, as far as advice needs it."""

    intensity_name: str | None  # field that is read; None: the cloud has none
    intensity_wanted: bool  # by the model
    z_offset_m: float = 0.0
    intensity_scale: float = 1.0
    integer_intensity: bool = False  # the field's type is one of whole numbers


def judge_cloud(content: CloudContent, expected: Expected, handling: Handling) -> list[Finding]:
    """Judge what was measured of the points as the model gets them (scaled, with the offset).

    An empty cloud gives the one finding that there is nothing.
    """
    record = expected.record
    usable = content.points * (1 - content.not_finite - content.at_origin)
    if usable < 1:
        value = f"{content.points} points, of which 0 are usable"
        return [
            Finding("points", value, "a sweep", Level.WARN, "look at the sensor and its driver")
        ]
    findings = [
        _invalid(content),
        _flat(content),
        _in_range(content, record),
        _points(content, record),
        _ground(content, record, handling.z_offset_m),
    ]
    if handling.intensity_wanted:
        findings.append(_intensity(content, record, handling))
    return findings


def verdict(findings: Sequence[Finding]) -> tuple[Level, str]:
    """Return level and sentence of all findings together: the first that warns."""
    bad = [finding for finding in findings if finding.level is not Level.OK]
    remarks = [finding for finding in findings if finding.advice]
    for finding in bad or remarks:
        return finding.level, f"{finding.name}: {finding.text}"
    return Level.OK, "the clouds are like those of the training"


def _points(content: CloudContent, record: CloudRecord) -> Finding:
    low, middle, high = record.points_in_range
    found = content.points_in_range
    level, advice = Level.OK, ""
    if found < _LEAST_POINTS * middle:
        level = Level.WARN
        advice = "far sparser than in training: train on such a sensor (model.checkpoint)"
    elif found < _FEW_POINTS * low:
        advice = "sparser than in training: expect fewer boxes, above all far away"
    return Finding(
        "points in range",
        f"{found} of {content.points}",
        f"{low:.0f} to {high:.0f}",
        level,
        advice,
    )


def _invalid(content: CloudContent) -> Finding:
    value = f"{content.not_finite:.0%} not finite, {content.at_origin:.0%} at (0, 0, 0)"
    bad = content.not_finite + content.at_origin > _MOST_INVALID
    advice = (
        "most echoes are missing: look at the sensor, its window and its driver" if bad else ""
    )
    return Finding("unusable points", value, "few", Level.WARN if bad else Level.OK, advice)


def _flat(content: CloudContent) -> Finding:
    flat = content.height_m < _FLAT_M
    advice = "a scan of one plane: choose the topic of a 3D sensor (-r points:=TOPIC)"
    return Finding(
        "height of the scene (m)", f"{content.height_m:.2f}", "1 and more",
        Level.WARN if flat else Level.OK, advice if flat else "",
    )  # fmt: skip


def _ground(content: CloudContent, record: CloudRecord, z_offset_m: float) -> Finding:
    name = "ground height (m)"
    if record.ground_m is None:
        return Finding(name, _metres(content.ground_m), "anything", Level.OK, "")
    low, middle, high = record.ground_m
    span = f"{low:.2f} to {high:.2f}"
    if content.ground_m is None:
        advice = "no level ground seen; if there is some, is z up? (input.sensor_frame)"
        return Finding(name, "not found", span, Level.OK, advice)
    off = not low - _GROUND_TOLERANCE_M <= content.ground_m <= high + _GROUND_TOLERANCE_M
    offset = z_offset_m + middle - content.ground_m
    advice = f"set input.z_offset to {offset:.2f}" if off else ""
    return Finding(
        name, _metres(content.ground_m), span, Level.WARN if off else Level.OK, advice
    )  # fmt: skip


def _in_range(content: CloudContent, record: CloudRecord) -> Finding:
    low, _, high = record.in_range
    level, advice = Level.OK, ""
    if content.in_range < _LEAST_IN_RANGE:
        level = Level.WARN
        advice = "most points are outside of what the model sees: metres? right frame?" \
                 " (input.z_offset, input.sensor_frame)"  # fmt: skip
    return Finding(
        "share in range", f"{content.in_range:.0%}", f"{low:.0%} to {high:.0%}", level, advice
    )


def _intensity(content: CloudContent, record: CloudRecord, handling: Handling) -> Finding:
    middle, high = content.intensity[1:]
    low, top = record.intensity_high[0], record.intensity_high[2]
    value = f"median {middle:.3g}, 0.99 quantile {high:.3g}"
    span = f"median {record.intensity_median[1]:.2f}, 0.99 quantile {low:.2f} to {top:.2f}"
    advice = _intensity_advice(high, record, handling)
    return Finding("intensity", value, span, Level.WARN if advice else Level.OK, advice)


def _intensity_advice(high: float, record: CloudRecord, handling: Handling) -> str:
    """What to change, or nothing."""
    low, middle, top = record.intensity_high
    if high == 0:
        missing = "the cloud has none" if handling.intensity_name is None else "all are 0"
        constant = record.intensity_median[1]
        return (
            f"{missing}, the model wants it: set input.intensity.mode to constant and"
            f" input.intensity.constant to {constant:.2f}, or input.field_map.intensity"
        )
    if _DIM * low <= high <= _BRIGHT * top:
        return ""
    if handling.integer_intensity:
        return (
            "the values do not fill their type: set input.intensity.mode to scale, and"
            " input.intensity.scale to 1 / (their largest value)"
        )
    scale = handling.intensity_scale * _scale(high, middle)
    return f"set input.intensity.scale to {scale:.3g}"


def _scale(high: float, wanted: float) -> float:
    """What brings ``high`` about to ``wanted``: a whole range of values if one fits."""
    for full in (255.0, 65535.0):
        if high <= full * 1.001 and high / full >= _DIM * wanted:
            return 1 / full
    return wanted / high


def _metres(value: float | None) -> str:
    return "not found" if value is None or math.isnan(value) else f"{value:.2f}"
