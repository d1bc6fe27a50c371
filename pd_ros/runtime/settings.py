"""What the site decides, frozen: a cloud in work never sees half a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pd_ros.pointcloud.decode import AS_IT_IS, Reading
from pd_ros.runtime.roi import OFF, Limits

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections

DROP = "drop"  # in place of a class' new name


@dataclass(frozen=True)
class Setup:
    """The parameters that are read once, at configure."""

    checkpoint: str
    device: str = "auto"
    precision: str = "auto"
    backend: str = "torch"
    warm_up_rounds: int = 1
    cudnn_benchmark: bool = False
    nms_iou_threshold: float = -1.0  # -1: the checkpoint's
    max_points: int = 2_000_000
    sensor_frame: str = ""  # empty: the cloud's own
    sweeps: int = -1  # -1: as in training
    fixed_frame: str = "odom"
    output_frame: str = ""  # empty: the cloud's own


@dataclass(frozen=True)
class Limit:
    """What the diagnostics call late or silent; 0 leaves out the minimum rate."""

    timeout_s: float = 1.0
    latency_budget_ms: float = 100.0
    latency_error_ms: float = 200.0
    min_rate_hz: float = 0.0
    no_boxes_s: float = 30.0


@dataclass(frozen=True)
class Settings:
    """The parameters that may change while the node runs, as one cloud is processed with them."""

    reading: Reading = AS_IT_IS
    z_offset_m: float = 0.0
    max_age_s: float = 0.0  # 0: any
    region: Limits = OFF
    ego_box: Limits = OFF
    ego_distance_m: float = 0.3  # see ``detection.ego``
    tf_timeout_s: float = 0.05
    max_gap_s: float = 0.3
    single_sweep: bool = True  # where a cloud has no transform; else it is answered with no boxes
    distance_bins_m: tuple[float, ...] = (0.0,)  # where each begins, from 0 on
    score_thresholds: tuple[tuple[float, ...], ...] = ()  # for each class, one for each bin
    max_detections: int = 200
    min_points_in_box: int = 0
    names: tuple[str, ...] = ()  # what each class is called on the topics; empty: not published
    markers: bool = True
    limit: Limit = Limit()

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


def published_names(
    classes: Sequence[str], renamed: Sequence[str], as_index: bool
) -> tuple[str, ...]:
    """Return what ``class_id`` says for each class of the model; empty for those to be dropped."""
    names = [new or name.lower() for name, new in zip(classes, renamed, strict=True)]
    if as_index:
        names = [name if name == DROP else str(index) for index, name in enumerate(names)]
    return tuple("" if name == DROP else name for name in names)
