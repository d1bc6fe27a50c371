"""The pillar encoder as published code runs it, in evaluation and in training.

OpenPCDet's ``PillarVFE`` and ``PointPillarScatter``: every place of a table of pillars goes
through the layers, though most are empty; the canvas is written channel by channel.
"""

import torch
from torch import Tensor, nn

from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.encoder import PillarEncoder
from pd_ros.detection.model import AnyModel, BevDetector
from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.part_config import PillarEncoderConfig
from pd_ros.detection.types import PillarBatch


class PlainPillars(nn.Module):
    """Works with the layers of an encoder; the features are the same but for rounding.

    In training batch norm takes in the empty places, as published code lets it.
    """

    def __init__(self, encoder: PillarEncoder, config: ModelConfig, places: int) -> None:
        super().__init__()
        self.encoder = encoder
        self._size = config.grid.size
        self._places = places
        shape = config.encoder
        self._empty_places_count = isinstance(shape, PillarEncoderConfig) and shape.padded

    def forward(self, batch: PillarBatch) -> Tensor:
        """One feature row per pillar: ``[V, C]``."""
        return self.encode(self.table(batch), batch)

    def table(self, batch: PillarBatch) -> Tensor:
        """Points pillar by pillar, zeros behind them: ``[V, places, 3 + C]``."""
        order = batch.point_pillar.argsort(stable=True)
        pillar = batch.point_pillar[order]
        first = batch.counts.cumsum(0) - batch.counts
        place = torch.arange(len(order), device=order.device) - first[pillar]
        table = batch.points.new_zeros(len(batch.counts), self._places, batch.points.shape[1])
        table[pillar, place] = batch.points[order]
        return table

    def encode(self, table: Tensor, batch: PillarBatch) -> Tensor:
        """The features of what ``table`` gives."""
        places = torch.arange(table.shape[1], device=table.device)
        taken = (places < batch.counts[:, None])[..., None]
        mean = table[..., :3].sum(dim=1, keepdim=True) / batch.counts[:, None, None]
        _, centre = self.encoder.mean_and_centre(batch)
        offsets = (table[..., :3] - mean, table[..., :3] - centre[:, None])
        rows = torch.cat((table, *offsets), dim=2) * taken
        counting = torch.ones_like(taken) if self._empty_places_count else taken
        highest = rows[:, :0]
        for number, layer in enumerate(self.encoder.pillar_layers):
            if number:
                rows = torch.cat((rows, highest[:, None].expand_as(rows)), dim=2)
            linear = layer.linear(rows)
            normed = layer.norm(linear.permute(0, 2, 1)).permute(0, 2, 1)
            rows = torch.relu(normed)
            highest = (rows * counting).amax(dim=1)  # after a ReLU 0 is the least
        return highest

    def canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        """Pillar rows in their cells: ``[B, C, rows, columns]``, channel by channel."""
        rows, columns = self._size
        scenes = []
        for scene in range(batch.batch_size):
            here = batch.cells[:, 0] == scene
            row, column = batch.cells[here, 1], batch.cells[here, 2]
            flat = features.new_zeros(features.shape[1], rows * columns)
            flat[:, row * columns + column] = features[here].T
            scenes.append(flat)
        return torch.stack(scenes).view(batch.batch_size, -1, rows, columns)


def plain_pillars(model: BevDetector, config: ModelConfig) -> PlainPillars | None:
    """The plain form of a network's encoder; None where it has no pillars, or theirs no end."""
    places = config.capacity.max_points_per_pillar
    if places is None or not isinstance(model.encoder, PillarEncoder):
        return None
    return PlainPillars(model.encoder, config, places)


def make_plain(model: AnyModel, config: AnyModelConfig) -> None:
    """Let a network train as published code does; its parameters stay.

    Pillars are padded, maps lie channel by channel. Raises ``ValueError`` for one of raw points.
    """
    model, config = network_from_above(Checkpoint(model, config, {}))
    pillars = plain_pillars(model, config)
    if pillars is not None:
        model.add_module("encoder", pillars)
    model.arrange(torch.contiguous_format)
