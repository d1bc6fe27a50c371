"""The node's ROS parameters: what they are, which values they take, and what a cloud sees of them.

rclpy itself refuses wrong types, numbers out of range and changes of read-only parameters; the
rules here are the rest.
"""

import difflib
import math
from collections.abc import Sequence
from typing import NamedTuple

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from pd_ros.settings import Settings

_THRESHOLD = "postprocess.score_threshold."


class Spec(NamedTuple):
    """One parameter: its default gives its type."""

    name: str
    default: bool | int | float | str
    description: str
    read_only: bool = False
    limits: tuple[float, float] | None = None  # of a number, both included
    choices: tuple[str, ...] = ()  # of a string; none: any string

    def descriptor(self) -> ParameterDescriptor:
        """Return what ``ros2 param describe`` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.read_only)
        if self.choices:
            descriptor.additional_constraints = f"one of: {', '.join(self.choices)}"
        if self.limits and isinstance(self.default, float):
            low, high = self.limits
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif self.limits:
            first, last = (int(limit) for limit in self.limits)
            descriptor.integer_range = [IntegerRange(from_value=first, to_value=last, step=1)]
        return descriptor


SPECS = (
    Spec(
        "model.checkpoint", "",
        "Checkpoint (.safetensors) of the detector; empty: the student that comes with pd_ros.",
        read_only=True,
    ),
    Spec(
        "model.device", "auto", "Where the detector runs: auto (a GPU if there is one), cpu or"
        " cuda:N.", read_only=True,
    ),
    Spec(
        "input.reliability", "auto",
        "Reliability of the subscription. auto: reliable, until a publisher appears that offers"
        " best effort only, then best effort; reliable loses no large clouds.",
        read_only=True, choices=("auto", "best_effort", "reliable"),
    ),
    Spec(
        "input.intensity.scale", 1.0,
        "Intensities are multiplied by it, to bring them to [0, 1]; integer ones are divided by"
        " their type's maximum before.", limits=(0.0, 1e6),
    ),
    Spec(
        "input.z_offset", 0.0,
        "Metres added to z before detection and taken from the boxes after; set it where the"
        " sensor is mounted higher or lower than the one the detector was trained with.",
        limits=(-10.0, 10.0),
    ),
    Spec(
        _THRESHOLD + "default", 0.3,
        "Least score of a published box. What the checkpoint's own threshold has left out does"
        " not come back.", limits=(0.0, 1.0),
    ),
    Spec(
        "postprocess.max_detections", 200, "Most boxes published for one cloud, the best ones.",
        limits=(1, 2000),
    ),
    Spec("output.markers", True, "Publish ~/markers for RViz while somebody subscribes to it."),
    Spec("diagnostics.period", 1.0, "Seconds between two messages on /diagnostics.",
         limits=(0.05, 60.0)),
    Spec(
        "autostart", True,
        "Configure and activate without being asked, and end with exit code 1 if that fails;"
        " false under a lifecycle manager.", read_only=True,
    ),
)  # fmt: skip


def threshold_specs(classes: Sequence[str]) -> list[Spec]:
    """Return the parameters that are there once the model's classes are known."""
    return [
        Spec(
            _THRESHOLD + name.lower(), -1.0,
            f"Least score of a published {name.lower()}; -1: the default one.", limits=(-1.0, 1.0),
        )
        for name in classes
    ]  # fmt: skip


def declare(node: Node, specs: Sequence[Spec]) -> None:
    """Declare parameters with the values given at the start; ``ValueError`` for bad ones."""
    for spec in specs:
        try:
            node.declare_parameter(spec.name, spec.default, spec.descriptor())
        except ParameterException as error:
            raise ValueError(f"parameter {spec.name}: {error}") from error


def check(parameters: Sequence[Parameter]) -> SetParametersResult:
    """Accept parameters that are set together, or refuse them all with the reason."""
    choices = {spec.name: spec.choices for spec in SPECS if spec.choices}
    for parameter in parameters:
        name, value = parameter.name, parameter.value
        reason = ""
        if name in choices and value not in choices[name]:
            reason = f"expected one of {', '.join(choices[name])}, got {value!r}"
        elif isinstance(value, float) and not math.isfinite(value):
            reason = f"expected a finite number, got {value}"
        elif name.startswith(_THRESHOLD) and -1.0 < value < 0.0:
            reason = f"expected -1 (the default threshold) or 0 to 1, got {value}"
        if reason:
            return SetParametersResult(successful=False, reason=f"{name}: {reason}")
    return SetParametersResult(successful=True)


def read_settings(node: Node, classes: Sequence[str]) -> Settings:
    """Return what the next clouds are processed with; the thresholds in the classes' order."""
    default = node.get_parameter(_THRESHOLD + "default").value
    own = [node.get_parameter(_THRESHOLD + name.lower()).value for name in classes]
    return Settings(
        intensity_scale=node.get_parameter("input.intensity.scale").value,
        z_offset_m=node.get_parameter("input.z_offset").value,
        score_thresholds=tuple(default if value < 0 else value for value in own),
        max_detections=node.get_parameter("postprocess.max_detections").value,
        markers=node.get_parameter("output.markers").value,
    )


def check_names(given: Sequence[str], known: Sequence[str]) -> None:
    """Raise ``ValueError`` for a parameter that was given at the start but that nobody reads.

    Names outside of this node's groups are somebody else's and pass.
    """
    groups = {name.split(".")[0] for name in known}
    for name in given:
        if name.split(".")[0] in groups and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
            raise ValueError(f"parameter {name}: no such parameter; {hint}")
