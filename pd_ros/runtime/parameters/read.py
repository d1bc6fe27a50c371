"""From the values of parameters to the settings that the nodes work with; no ROS needed."""

from collections.abc import Callable, Sequence
from typing import Any

from pd_ros.pointcloud.decode import DecodeOptions
from pd_ros.pointcloud.layout import FieldNames
from pd_ros.pointcloud.z_offset import AUTO, Z_OFFSET
from pd_ros.runtime.autoware_labels import label_of
from pd_ros.runtime.comparison.window import AgreementLimits
from pd_ros.runtime.parameters.rules import numbers_of
from pd_ros.runtime.parameters.specs import BINS, CLASS_MAP, NMS, THRESHOLD, Spec, Value
from pd_ros.runtime.roi import Limits
from pd_ros.runtime.settings import (
    ComparisonSettings,
    DiagnosticLimits,
    Settings,
    StartupParameters,
    published_names,
)

Values = Callable[[str], Any]  # the value of a parameter, by its name


def default_values(specs: Sequence[Spec]) -> dict[str, Value]:
    """Return the default of each parameter by its name."""
    return {spec.name: spec.default for spec in specs}


def read_startup(value: Values, default_checkpoint: str) -> StartupParameters:
    """Return what configure goes by."""
    return StartupParameters(
        checkpoint=value("model.checkpoint") or default_checkpoint,
        device=value("model.device"),
        precision=value("model.precision"),
        backend=value("model.backend"),
        warmup_iterations=value("model.warmup_iterations"),
        cudnn_benchmark=value("model.cudnn_benchmark"),
        nms_iou_threshold=value(NMS),
        max_points=value("input.max_points"),
        sensor_frame=value("input.sensor_frame"),
        sweeps_count=value("sweeps.count"),
        fixed_frame=value("sweeps.fixed_frame"),
        output_frame_id=value("output.frame_id"),
        message=value("output.message"),
    )


def read_settings(value: Values, classes: Sequence[str], chosen: Sequence[float]) -> Settings:
    """Return what the next clouds are processed with; the thresholds in the classes' order.

    ``chosen``: the checkpoint's threshold of each class, which holds unless the node has another.
    """
    return Settings(
        decoding=_read_decoding(value),
        z_offset_m=_read_z_offset(value),
        max_age_s=value("input.max_age"),
        roi_range=_six(value("roi.range")),
        ego_box=_six(value("roi.ego_box")),
        ego_distance_m=value("postprocess.ego_distance"),
        tf_timeout_s=value("sweeps.tf_timeout"),
        max_gap_s=value("sweeps.max_gap"),
        on_tf_error=value("sweeps.on_tf_error"),
        distance_bins_m=tuple(value(BINS)),
        score_thresholds=_read_thresholds(value, classes, chosen),
        max_detections=value("postprocess.max_detections"),
        min_points_in_box=value("postprocess.min_points_in_box"),
        names=_read_names(value, classes, value("output.class_id_format") == "index"),
        autoware_labels=tuple(map(label_of, _read_names(value, classes, as_index=False))),
        markers=value("output.markers"),
        diagnostics=DiagnosticLimits(
            timeout_s=value("input.timeout"),
            latency_budget_ms=value("diagnostics.latency_budget_ms"),
            latency_error_ms=value("diagnostics.latency_error_ms"),
            min_rate_hz=value("diagnostics.min_rate_hz"),
            zero_detection_warn_s=value("diagnostics.zero_detection_warn_s"),
        ),
    )


def read_comparison(value: Values, default_checkpoint: str) -> ComparisonSettings:
    """Return what the teacher goes by."""
    return ComparisonSettings(
        checkpoint=value("teacher.checkpoint") or default_checkpoint,
        device=value("teacher.device"),
        score_threshold=value("teacher.score_threshold"),
        classes=value("classes"),
        intensity_scale=value("input.intensity.scale"),
        z_offset_m=_read_z_offset(value),
        ego_distance_m=value("postprocess.ego_distance"),
        window=value("window"),
        record_folder=value("record.folder"),
        record_count=value("record.count"),
        record_megabytes=value("record.megabytes"),
        record_min_disagreement=value("record.min_disagreement"),
    )


def read_agreement_limits(value: Values) -> AgreementLimits:
    """Return what the comparison's diagnostics go by."""
    return AgreementLimits(
        recall=value("limits.recall"),
        precision=value("limits.precision"),
        teacher_time_s=value("limits.teacher_time"),
    )


def _read_decoding(value: Values) -> DecodeOptions:
    return DecodeOptions(
        names=FieldNames(*(value(f"input.field_map.{name}") for name in FieldNames._fields)),
        mode=value("input.intensity.mode"),
        scale=value("input.intensity.scale"),
        offset=value("input.intensity.offset"),
        constant=value("input.intensity.constant"),
    )


def _read_z_offset(value: Values) -> float | None:
    offset = value(Z_OFFSET)
    return None if offset == AUTO else float(offset)


def _read_thresholds(
    value: Values, classes: Sequence[str], chosen: Sequence[float]
) -> tuple[tuple[float, ...], ...]:
    general, bins = value(THRESHOLD + "default"), len(value(BINS))
    return tuple(
        _thresholds(value(THRESHOLD + name.lower()), own if general < 0 else general, bins)
        for name, own in zip(classes, chosen, strict=True)
    )


def _thresholds(value: Any, default: float, bins: int) -> tuple[float, ...]:
    own = [default if number < 0 else number for number in numbers_of(value)]
    return tuple(own * bins if len(own) == 1 else own)


def _read_names(value: Values, classes: Sequence[str], as_index: bool) -> tuple[str, ...]:
    renamed = [value(CLASS_MAP + name.lower()) for name in classes]
    return published_names(classes, renamed, as_index)


def _six(values: Sequence[float]) -> Limits:
    x0, y0, z0, x1, y1, z1 = values
    return x0, y0, z0, x1, y1, z1
