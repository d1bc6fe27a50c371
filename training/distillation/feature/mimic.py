"""Features under proposed boxes (Mimic, Li et al. 2017)."""

from torch import Tensor
from torch.nn import functional as F

from training.config.compared import MimicConfig
from training.distillation.decoding import BoxSource
from training.distillation.maps import channel_adapter, pool_boxes, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss


class Mimic(DistillLoss):
    """Mean squared error of grids pooled under boxes, the student's through an adapter."""

    reads = ("neck",)

    def __init__(self, config: MimicConfig, pair: BevPair) -> None:
        super().__init__()
        self._pair = pair
        self._grid = config.grid
        self._boxes = BoxSource(config.boxes, pair, config.score)
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.adapter = channel_adapter(mine, theirs)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; 0 without boxes."""
        boxes, (mine, theirs) = self._boxes(outputs), self._pair
        student = pool_boxes(outputs.student.neck.float(), boxes, mine, self._grid)
        teacher = pool_boxes(outputs.teacher.neck.float(), boxes, theirs, self._grid)
        if len(student) * self._grid**2 < 2:  # batch norm needs two
            return 0.0 * outputs.student.neck.float().mean()
        return F.mse_loss(self.adapter(student), teacher)
