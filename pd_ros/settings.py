"""What the site decides for each cloud, frozen: a cloud in work never sees half a change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections


@dataclass(frozen=True)
class Settings:
    """The parameters that may change while the node runs, as one cloud is processed with them."""

    intensity_scale: float = 1.0
    z_offset_m: float = 0.0
    score_thresholds: tuple[float, ...] = ()  # one for each class of the model
    max_detections: int = 200
    markers: bool = True

    def select(self, found: "Detections") -> "Detections":
        """Keep what reaches its class' threshold, at most ``max_detections`` of the best.

        ``found`` is ordered by falling score, and so is the result.
        """
        thresholds = found.scores.new_tensor(self.score_thresholds)
        kept = (found.scores >= thresholds[found.labels]).nonzero()[: self.max_detections, 0]
        return found.select(kept)
