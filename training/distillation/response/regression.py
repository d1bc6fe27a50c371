"""Regression KD at the ground truth's centres (SparseKD section 3.3)."""

from torch import Tensor

from pd_ros.detection.bev.decode_center import rows_at
from training.config.sparse import RegressionConfig
from training.distillation.method import DistillBatch, DistillLoss
from training.distillation.requirements import same_boxes, same_map_sizes, two_center_heads
from training.objectives.center_loss import weighted_mean
from training.objectives.center_targets import Targets


class Regression(DistillLoss):
    """L1 of the two box maps in the cells of the objects' centres, or in all that learn a box."""

    reads = ("box",)
    requires = (two_center_heads, same_boxes, same_map_sizes)

    def __init__(self, config: RegressionConfig) -> None:
        super().__init__()
        self.code_weights = config.code_weights
        self._centres = config.cells == "centres"

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; maps of the same size."""
        targets = outputs.batch.teacher_targets
        assert isinstance(targets, Targets)
        assert outputs.student.box.shape == outputs.teacher.box.shape
        learnt = rows_at(outputs.student.box, targets.sample, targets.cell)
        taught = rows_at(outputs.teacher.box, targets.sample, targets.cell)
        error = (learnt - taught).abs() * learnt.new_tensor(self.code_weights)
        weight = targets.weight
        if self._centres:  # cells around them weigh less
            weight = (weight == 1).to(weight.dtype)
        return weighted_mean(error.sum(dim=1), weight)
