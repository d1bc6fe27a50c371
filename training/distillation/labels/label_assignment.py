"""Label assignment distillation (LAD, Nguyen et al. 2022) for heads that find centres."""

import torch
from torch import Tensor

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.types import AnyOutput, ModelOutput
from training.batches.collate import Batch, move_targets
from training.config.compared import AssignmentConfig
from training.distillation.method import BevPair
from training.distillation.requirements import same_boxes, same_map_sizes, two_center_heads
from training.objectives.center_loss import probabilities
from training.objectives.center_targets import centre_cells, encode_at, make_targets, radius_of


class TeacherAssignment:
    """Makes the student's targets anew: the teacher chooses the cell of each object."""

    requires = (two_center_heads, same_boxes, same_map_sizes)

    def __init__(self, config: AssignmentConfig, pair: BevPair, box_radius: int) -> None:
        self._config = config
        self._student = pair.student
        self._box_radius = box_radius

    def __call__(self, batch: Batch, taught: AnyOutput) -> Batch:
        """The batch with new targets for the student; the terms keep the ground truth's."""
        assert isinstance(taught, ModelOutput)
        heatmap, box = probabilities(taught.heatmap).cpu(), taught.box.float().cpu()

        def place(sample: int, boxes: Tensor, classes: Tensor) -> Tensor:
            return best_cells(
                heatmap[sample], box[sample], boxes, classes, self._student, self._config
            )

        targets = make_targets(batch.labels, self._student, self._box_radius, place=place)
        return batch._replace(targets=move_targets(targets, batch.student.points.device))


def best_cells(
    probability: Tensor,
    box_map: Tensor,
    boxes: Tensor,
    classes: Tensor,
    network: ModelConfig,
    config: AssignmentConfig,
) -> Tensor:
    """The cell of each box ``[N, 7]`` where a teacher's cost is least: ``[N, 2]`` column and row.

    Candidates lie within the box's Gaussian radius of its centre. Maps ``[K, H, W]``,
    ``[8, H, W]`` of the network's size.
    """
    chosen = centre_cells(boxes, network)
    rows, columns = probability.shape[1:]
    for number, (box, label) in enumerate(zip(boxes, classes.tolist(), strict=True)):
        radius = radius_of(box, network)
        step = torch.arange(-radius, radius + 1)
        cells = chosen[number] + torch.cartesian_prod(step, step)
        inside = ((cells >= 0) & (cells < torch.tensor([columns, rows]))).all(dim=1)
        column, row = cells[inside].unbind(1)
        wanted = encode_at(cells[inside], box.expand(len(row), 7), network)
        distance = (box_map[:, row, column].T - wanted).abs().sum(dim=1)
        cost = config.box * distance - config.classes * probability[label, row, column].log()
        chosen[number] = cells[inside][cost.argmin()]
    return chosen
