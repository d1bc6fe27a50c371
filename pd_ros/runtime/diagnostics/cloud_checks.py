"""Why are there no boxes? A cloud against the clouds that the model was trained on.

Each finding has the value, what was expected, and the parameter to change. No ROS, no torch.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.pointcloud.statistics import CloudContent
from pd_ros.pointcloud.training_statistics import CloudRecord, Expected
from pd_ros.pointcloud.z_offset import LARGEST_M, Z_OFFSET
from pd_ros.runtime.diagnostics.status import Level

_GROUND_TOLERANCE_M = 0.4  # streets slope, and detectors are trained on shifted clouds
_DIM, _BRIGHT = 0.2, 5.0  # times the training's, of intensities that are still understood
_LEAST_IN_RANGE = 0.2
_LEAST_POINTS, _FEW_POINTS = 0.1, 0.5  # of the training's
_MOST_INVALID = 0.5
_MOST_INVALID_IN_ROWS = 0.9  # of an organised cloud, where directions into the sky have a place
_FLAT_M, _TALL_M = 0.2, 1000.0
_LARGEST_INTENSITY = 1e6  # of any scale
_FEW_MISSING = 0.1  # intensities


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


class Preprocessing(NamedTuple):
    """How the node treats the clouds before the model sees them, as far as advice needs it."""

    intensity_name: str | None  # field that is read; None: the cloud has none
    intensity_wanted: bool  # by the model
    z_offset_m: float = 0.0
    z_offset_name: str = Z_OFFSET  # as the command or the node calls it
    intensity_scale: float = 1.0
    integer_intensity: bool = False  # the field's type is one of whole numbers
    organised: bool = False  # in rows, with a place for echoes that never came back


def judge_cloud(
    content: CloudContent, expected: Expected, preprocessing: Preprocessing
) -> list[Finding]:
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
        _invalid(content, preprocessing.organised),
        _in_range(content, record, preprocessing.z_offset_name),
        _height(content),
        _points(content, record),
        _ground(content, record, preprocessing),
    ]
    if preprocessing.intensity_wanted:
        findings.append(_intensity(content, record, preprocessing))
    return findings


def verdict(findings: Sequence[Finding]) -> tuple[Level, str]:
    """Return level and sentence of all findings together: the first that warns."""
    bad = [finding for finding in findings if finding.level is not Level.OK]
    remarks = [finding for finding in findings if finding.advice]
    for finding in bad or remarks:
        return finding.level, f"{finding.name}: {finding.text}"
    return Level.OK, "the clouds are like those of the training"


def judge_room(points: int, pillars: int, max_points: int, max_pillars: int) -> Finding:
    """Judge how many points in range, and cells that hold some, a model has room for."""
    full = []
    if points > max_points:
        full.append(f"more points than capacity.max_points ({max_points})")
    if pillars > max_pillars:
        full.append(f"points in more cells ({pillars}) than capacity.max_pillars ({max_pillars})")
    advice = "" if not full else (
        f"{' and '.join(full)}: thinned out evenly; let the driver send one return, limit"
        " roi.range, or train with a larger capacity"
    )  # fmt: skip
    level = Level.WARN if full else Level.OK
    return Finding("room in the model", f"{points} points", f"up to {max_points}", level, advice)


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


def _invalid(content: CloudContent, organised: bool) -> Finding:
    value = f"{content.not_finite:.0%} not finite, {content.at_origin:.0%} at (0, 0, 0)"
    most = _MOST_INVALID_IN_ROWS if organised else _MOST_INVALID
    bad = content.not_finite + content.at_origin > most
    advice = (
        "most echoes are missing: look at the sensor, its window and its driver" if bad else ""
    )
    return Finding("unusable points", value, "few", Level.WARN if bad else Level.OK, advice)


def _height(content: CloudContent) -> Finding:
    advice = ""
    if content.height_m < _FLAT_M:
        advice = "a scan of one plane: choose the topic of a 3D sensor (-r points:=TOPIC)"
    elif content.height_m > _TALL_M:
        advice = "no scene is that high: metres? are columns, types and byte order right?"
    return Finding(
        "height of the scene (m)", f"{content.height_m:.4g}", f"1 to {_TALL_M:g}",
        Level.WARN if advice else Level.OK, advice,
    )  # fmt: skip


def _ground(content: CloudContent, record: CloudRecord, preprocessing: Preprocessing) -> Finding:
    name = "ground height (m)"
    if record.ground_m is None:
        return Finding(name, _metres(content.ground_m), "anything", Level.OK, "")
    low, middle, high = record.ground_m
    span = f"{low:.2f} to {high:.2f}"
    if content.ground_m is None:
        advice = "no level ground seen; if there is some, is z up? (input.sensor_frame)"
        return Finding(name, "not found", span, Level.OK, advice)
    off = not low - _GROUND_TOLERANCE_M <= content.ground_m <= high + _GROUND_TOLERANCE_M
    offset = preprocessing.z_offset_m + middle - content.ground_m
    advice = f"set {preprocessing.z_offset_name} to {offset:.2f}, or to auto" if off else ""
    if off and abs(offset) > LARGEST_M:
        advice = "no mounting explains that: metres? is z up? (input.sensor_frame)"
    return Finding(
        name, _metres(content.ground_m), span, Level.WARN if off else Level.OK, advice
    )  # fmt: skip


def _in_range(content: CloudContent, record: CloudRecord, z_offset_name: str) -> Finding:
    low, _, high = record.in_range
    level, advice = Level.OK, ""
    if content.in_range < _LEAST_IN_RANGE:
        level = Level.WARN
        advice = "most points are outside of what the model sees: metres? right frame?" \
                 f" ({z_offset_name}, input.sensor_frame)"  # fmt: skip
    return Finding(
        "share in range", f"{content.in_range:.0%}", f"{low:.0%} to {high:.0%}", level, advice
    )


def _intensity(
    content: CloudContent, record: CloudRecord, preprocessing: Preprocessing
) -> Finding:
    middle, high = content.intensity[1:]
    low, top = record.intensity_high[0], record.intensity_high[2]
    value = f"median {middle:.3g}, 0.99 quantile {high:.3g}"
    if content.no_intensity:
        name = preprocessing.intensity_name or "intensity"
        value += f"; field {name}: {content.no_intensity:.1%} not finite, read as 0"
    span = f"median {record.intensity_median[1]:.2f}, 0.99 quantile {low:.2f} to {top:.2f}"
    advice = _intensity_advice(content, record, preprocessing)
    level = Level.WARN if advice else Level.OK
    if content.no_intensity and not advice:
        advice = "look at the driver if there should be none"
    return Finding("intensity", value, span, level, advice)


def _intensity_advice(
    content: CloudContent, record: CloudRecord, preprocessing: Preprocessing
) -> str:
    """Return what to change; "" where nothing is wrong."""
    low, middle, top = record.intensity_high
    high = content.intensity[2]
    if high == 0 or content.no_intensity > _FEW_MISSING:
        name = preprocessing.intensity_name
        missing = "the cloud has none" if name is None else f"field {name}: many are missing"
        if not content.no_intensity and name is not None:
            missing = "all are 0"
        constant = record.intensity_median[1]
        return (
            f"{missing}, the model wants it: set input.intensity.mode to constant and"
            f" input.intensity.constant to {constant:.2f}, or input.field_map.intensity"
        )
    if _DIM * low <= high <= _BRIGHT * top:
        return ""
    if high > _LARGEST_INTENSITY:
        return "no intensity is that large: are field, columns, types and byte order right?"
    if preprocessing.integer_intensity:
        return (
            "the values do not fill their type: set input.intensity.mode to scale, and"
            " input.intensity.scale to 1 / (their largest value)"
        )
    scale = preprocessing.intensity_scale * _scale(high, middle)
    return f"set input.intensity.scale to {scale:.3g}"


def _scale(high: float, wanted: float) -> float:
    """Return the factor from ``high`` about to ``wanted``: a whole range of values if one fits."""
    for full in (255.0, 65535.0):
        if high <= full * 1.001 and high / full >= _DIM * wanted:
            return 1 / full
    return wanted / high


def _metres(value: float | None) -> str:
    return "not found" if value is None or math.isnan(value) else f"{value:.2f}"
