"""Draw the worst mistakes of a detector on a source: a picture for each class."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.evaluation.operating.worst_boxes import Mistake, nearest_misses, surest_ghosts
from pd_ros.evaluation.plots.crops import Crop, save_crops
from pd_ros.evaluation.plots.layers import FOUND, IMAGINED, MISSED, Layer
from training.datasets.frame import Frames
from training.evaluate.scoring import ScoredSweeps

_MOST = 12  # of each kind


def draw_mistakes(
    folder: Path,
    sweeps: ScoredSweeps,
    frames: Frames,
    thresholds: Mapping[str, float],
    most: int = _MOST,
) -> list[Path]:
    """Write ``CLASS.png`` for each class: its surest ghosts, then its nearest missed objects.

    ``frames`` are those of the sweeps. Ghosts of any score are shown, missed is what no box from
    the threshold on has found. A class without mistakes has no picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    classes = tuple(thresholds)
    published = [above_thresholds(each, list(thresholds.values())) for each in sweeps.found]
    written = []
    for label, name in enumerate(classes):
        ghosts = surest_ghosts(sweeps.truth, sweeps.found, label, most)
        misses = nearest_misses(sweeps.truth, published, classes, label, most)
        crops = list(_crops([*ghosts, *misses], sweeps, frames, name))
        if crops:
            written.append(folder / f"{name}.png")
            title = (
                f"{name}: boxes that touch no labelled object, by score; then missed objects, by"
                f" distance (score from {thresholds[name]:.2f} on); green: labelled"
            )
            save_crops(written[-1], crops, title)
    return written


def _crops(
    mistakes: Sequence[Mistake], sweeps: ScoredSweeps, frames: Frames, name: str
) -> Iterator[Crop]:
    for each in mistakes:
        points = torch.from_numpy(frames[each.frame].points)
        missed = each.score is None
        said = "missed" if each.score is None else f"{name} {each.score:.2f}"
        path = Path(frames.name(each.frame))
        x, y = each.box[:2].tolist()
        layers = [
            Layer("labelled", sweeps.truth[each.frame].boxes, FOUND),
            Layer("mistake", each.box[None], MISSED if missed else IMAGINED),
        ]
        title = f"{said}, {each.range_m:.0f} m\n{path.parent.name}/{path.stem}"
        yield Crop(title, points, (x, y), layers)
