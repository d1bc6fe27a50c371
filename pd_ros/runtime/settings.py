"""Settings of the site, frozen: a cloud in work never sees half a change.

Fields are named as their parameters, with units; the defaults are those of the parameters' specs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pd_ros.pointcloud.decode import DecodeOptions
from pd_ros.runtime.roi import Limits

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections

DROP = "drop"  # in place of a class' new name
VISION_MSGS, AUTOWARE = "vision_msgs", "autoware"
MESSAGES = (VISION_MSGS, AUTOWARE, "both")


@dataclass(frozen=True)
class StartupParameters:
    """The parameters that are read once, at configure."""

    checkpoint: str
    device: str
    precision: str
    backend: str
    warmup_iterations: int
    cudnn_benchmark: bool
    nms_iou_threshold: float  # -1: the checkpoint's
    max_points: int
    sensor_frame: str  # empty: the cloud's own
    sweeps_count: int  # -1: as in training
    fixed_frame: str
    output_frame_id: str  # empty: the cloud's own
    message: str  # one of MESSAGES


@dataclass(frozen=True)
class DiagnosticLimits:
    """What the diagnostics call late or silent; 0 leaves out the minimum rate."""

    timeout_s: float
    latency_budget_ms: float
    latency_error_ms: float
    min_rate_hz: float
    zero_detection_warn_s: float


@dataclass(frozen=True)
class Settings:
    """The parameters that may change while the node runs, as one cloud is processed with them."""

    decoding: DecodeOptions
    z_offset_m: float | None  # None: auto, see ``pointcloud.z_offset``
    max_age_s: float  # 0: any
    roi_range: Limits
    ego_box: Limits
    ego_distance_m: float  # see ``detection.geometry.ego``
    tf_timeout_s: float
    max_gap_s: float
    on_tf_error: str  # single_sweep: detect in that sweep alone; drop: answer with no boxes
    distance_bins_m: tuple[float, ...]  # where each begins, from 0 on
    score_thresholds: tuple[tuple[float, ...], ...]  # for each class, one for each bin
    max_detections: int
    min_points_in_box: int
    names: tuple[str, ...]  # what each class is called on the topics; empty: not published
    autoware_labels: tuple[int, ...]  # of each class, by what it is called
    markers: bool
    diagnostics: DiagnosticLimits

    @property
    def least_score(self) -> float:
        """The lowest of all thresholds: no box with a score below it is published."""
        return min(min(row) for row in self.score_thresholds)

    def select(self, found: "Detections") -> "Detections":
        """Keep the best of what reaches the threshold of its class at its distance.

        ``found`` is ordered by falling score, and so is the result. The distance is that of the
        centre from the origin, seen from above.
        """
        import torch  # noqa: PLC0415

        thresholds = found.scores.new_tensor(self.score_thresholds)
        starts = found.boxes.new_tensor(self.distance_bins_m[1:])
        distance = torch.linalg.vector_norm(found.boxes[:, :2], dim=1)
        ring = torch.bucketize(distance, starts, right=True)
        kept = (found.scores >= thresholds[found.labels, ring]).nonzero()
        return found.select(kept[: self.max_detections, 0])


@dataclass(frozen=True)
class ComparisonSettings:
    """The parameters of the comparison with a teacher, read once at the start."""

    checkpoint: str
    device: str
    score_threshold: float  # below 0: the checkpoint's own for each class
    classes: str  # "car, truck"; empty: all of the teacher's
    intensity_scale: float
    z_offset_m: float | None  # None: auto
    ego_distance_m: float
    window: int
    record_folder: str  # empty: nothing is kept
    record_count: int
    record_megabytes: int
    record_min_disagreement: float


def published_names(
    classes: Sequence[str], renamed: Sequence[str], as_index: bool
) -> tuple[str, ...]:
    """Return what ``class_id`` says for each class of the model; empty for those to be dropped."""
    names = [new or name.lower() for name, new in zip(classes, renamed, strict=True)]
    if as_index:
        names = [name if name == DROP else str(index) for index, name in enumerate(names)]
    return tuple("" if name == DROP else name for name in names)
