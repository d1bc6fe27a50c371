"""Whether the features of two networks can be compared."""

from collections.abc import Iterator

from pd_ros.detection.config.parts import CenterHeadConfig, PillarEncoderConfig
from training.config.distillation import DistillConfig
from training.distillation.maps import neck_width
from training.distillation.method import BevPair


def local_problems(config: DistillConfig, pair: BevPair) -> Iterator[str]:
    """One line per reason why nodes of the two networks are not the same."""
    if config.local is None:
        return
    student, teacher = pair
    same_cells = student.grid == teacher.grid
    match config.local.tap:
        case "pillars":
            if not all(isinstance(each.encoder, PillarEncoderConfig) for each in pair):
                yield "local.tap: pillars needs two networks of pillars; take stages"
            elif not same_cells:
                yield "local.tap: pillars needs the same grid in both networks; take logit alone"
        case "stages":
            strides = [(n.canvas_stride, n.backbone.strides) for n in pair]
            fewest = min(len(network.backbone.widths) for network in pair)
            missing = [number for number in config.local.stages if number >= fewest]
            if not same_cells or strides[0] != strides[1]:
                yield "local.tap: stages needs the same grid and strides in both networks"
            elif missing:
                yield f"local.stages: the backbones have no stages {missing}; count from 0"
        case "points":
            yield "local.tap: points is for networks on raw points; take pillars, stages or neck"
        case "neck":
            if student.output_size != teacher.output_size:
                yield "local.tap: neck needs maps of the same size in both networks"


def feature_problems(config: DistillConfig, pair: BevPair) -> Iterator[str]:
    """One line per reason why the necks cannot be compared as the config says."""
    settings = config.feature
    if settings is None:
        return
    widths = [neck_width(network) for network in pair]
    if settings.mode in ("raw", "rois") and not settings.adapter and widths[0] != widths[1]:
        yield (
            f"feature.adapter: the necks have {widths[0]} and {widths[1]} channels (student,"
            " teacher); an adapter is needed"
        )
    if settings.gaussian != "none" and not isinstance(pair.teacher.head, CenterHeadConfig):
        yield "feature.gaussian: needs a teacher that finds centres; leave it at none"
