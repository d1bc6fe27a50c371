"""The node's ROS parameters: declared, checked together, and read as what a cloud sees of them.

What is refused, and why, is in ``parameter_rules``.
"""

from collections.abc import Callable, Sequence
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from pd_ros.pointcloud.decode import Reading
from pd_ros.pointcloud.layout import FieldNames
from pd_ros.runtime.parameters.rules import numbers_of, why_not
from pd_ros.runtime.parameters.specs import BINS, CLASS_MAP, NMS, THRESHOLD, Spec
from pd_ros.runtime.roi import Limits
from pd_ros.runtime.settings import Limit, Settings, Setup, published_names


def descriptor(spec: Spec) -> ParameterDescriptor:
    """Return what ``ros2 param describe`` shows."""
    described = ParameterDescriptor(
        description=spec.description,
        read_only=spec.read_only,
        dynamic_typing=spec.number_or_list,
        additional_constraints=spec.constraints,
    )
    if spec.choices:
        described.additional_constraints = f"one of: {', '.join(spec.choices)}"
    if spec.at_configure:
        parts = (described.additional_constraints, "read-only while configured")
        described.additional_constraints = "; ".join(part for part in parts if part)
    if spec.limits and isinstance(spec.default, float) and not spec.number_or_list:
        low, high = spec.limits
        described.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif spec.limits and isinstance(spec.default, int):
        first, last = (int(limit) for limit in spec.limits)
        described.integer_range = [IntegerRange(from_value=first, to_value=last, step=1)]
    return described


def declare(node: Node, specs: Sequence[Spec]) -> None:
    """Declare parameters with the values given at the start; ``ValueError`` for bad ones."""
    for spec in specs:
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        try:
            node.declare_parameter(spec.name, default, descriptor(spec))
        except ParameterException as error:
            # rclpy puts the value before the reason as it is, whatever its length and line breaks
            reason = str(error).partition("Reason: ")[2] or str(error)
            raise ValueError(f"parameter {spec.name}: {reason}") from error


def make_check(
    node: Node, configured: Callable[[], bool]
) -> Callable[[Sequence[Parameter]], SetParametersResult]:
    """Return the callback that accepts parameters set together, or refuses them all.

    ``configured``: whether there is a configuration, for which some were read.
    """

    def check(parameters: Sequence[Parameter]) -> SetParametersResult:
        given = {parameter.name: parameter.value for parameter in parameters}
        now = {name: known.value for name, known in node.get_parameters_by_prefix("").items()}
        reason = why_not(given, {**now, **given}, configured())
        return SetParametersResult(successful=not reason, reason=reason)

    return check


def read_setup(node: Node, default_checkpoint: str) -> Setup:
    """Return what configure goes by."""
    value = _reader(node)
    return Setup(
        checkpoint=value("model.checkpoint") or default_checkpoint,
        device=value("model.device"),
        precision=value("model.precision"),
        backend=value("model.backend"),
        warm_up_rounds=value("model.warmup_iterations"),
        cudnn_benchmark=value("model.cudnn_benchmark"),
        nms_iou_threshold=value(NMS),
        max_points=value("input.max_points"),
        sensor_frame=value("input.sensor_frame"),
        sweeps=value("sweeps.count"),
        fixed_frame=value("sweeps.fixed_frame"),
        output_frame=value("output.frame_id"),
    )


def read_settings(node: Node, classes: Sequence[str], chosen: Sequence[float]) -> Settings:
    """Return what the next clouds are processed with; the thresholds in the classes' order.

    ``chosen``: the checkpoint's threshold of each class, which holds unless the node has another.
    """
    value = _reader(node)
    bins = tuple(value(BINS))
    general = value(THRESHOLD + "default")
    return Settings(
        reading=_read_reading(node),
        z_offset_m=value("input.z_offset"),
        max_age_s=value("input.max_age"),
        region=_six(value("roi.range")),
        ego_box=_six(value("roi.ego_box")),
        ego_distance_m=value("postprocess.ego_distance"),
        tf_timeout_s=value("sweeps.tf_timeout"),
        max_gap_s=value("sweeps.max_gap"),
        single_sweep=value("sweeps.on_tf_error") == "single_sweep",
        distance_bins_m=bins,
        score_thresholds=tuple(
            _thresholds(
                value(THRESHOLD + name.lower()), own if general < 0 else general, len(bins)
            )
            for name, own in zip(classes, chosen, strict=True)
        ),
        max_detections=value("postprocess.max_detections"),
        min_points_in_box=value("postprocess.min_points_in_box"),
        names=_read_names(node, classes),
        markers=value("output.markers"),
        limit=Limit(
            timeout_s=value("input.timeout"),
            latency_budget_ms=value("diagnostics.latency_budget_ms"),
            latency_error_ms=value("diagnostics.latency_error_ms"),
            min_rate_hz=value("diagnostics.min_rate_hz"),
            no_boxes_s=value("diagnostics.zero_detection_warn_s"),
        ),
    )


def _read_names(node: Node, classes: Sequence[str]) -> tuple[str, ...]:
    value = _reader(node)
    renamed = [value(CLASS_MAP + name.lower()) for name in classes]
    return published_names(classes, renamed, value("output.class_id_format") == "index")


def _read_reading(node: Node) -> Reading:
    value = _reader(node)
    return Reading(
        names=FieldNames(*(value(f"input.field_map.{name}") for name in FieldNames._fields)),
        mode=value("input.intensity.mode"),
        scale=value("input.intensity.scale"),
        offset=value("input.intensity.offset"),
        constant=value("input.intensity.constant"),
    )


def _thresholds(value: Any, default: float, bins: int) -> tuple[float, ...]:
    own = [default if number < 0 else number for number in numbers_of(value)]
    return tuple(own * bins if len(own) == 1 else own)


def _six(values: Sequence[float]) -> Limits:
    x0, y0, z0, x1, y1, z1 = values
    return x0, y0, z0, x1, y1, z1


def _reader(node: Node) -> Any:
    return lambda name: node.get_parameter(name).value
