"""Graphs of a teacher's most important nodes and their nearest neighbours (PointDistiller 3.2).

Nodes are rows of a table: pillars, cells or points of all scenes of a batch. ``T`` rows, ``N``
chosen ones with ``K`` neighbours each.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Distances are computed for so many pairs at once.
_PAIRS = 1 << 20
_GROUP = 16  # columns of which first only the lowest is looked at


class Graph(NamedTuple):
    """The chosen nodes of all scenes, scene by scene, and their neighbours."""

    centre: Tensor  # [N] int64, row of the table
    neighbour: Tensor  # [N, K] int64, rows of the same scene, the centre among them
    scene: Tensor  # [N] int64


def build_graph(
    features: Tensor, importance: Tensor, scene: Tensor, nodes: int, neighbours: int
) -> Graph:
    """Graph over a table ``[T, C]`` with importance ``[T]`` and scene ``[T]``.

    Of each scene the ``nodes`` most important rows, or all there are; ``K`` is ``neighbours``, or
    what the smallest scene has. No rows give no nodes.
    """
    rows = [(scene == number).nonzero().squeeze(1) for number in torch.unique(scene)]
    if not rows:
        none = scene.new_zeros(0, dtype=torch.int64)
        return Graph(none, none[:, None], none)
    neighbours = min(neighbours, *(len(members) for members in rows))
    centres, near = [], []
    for members in rows:
        best = importance[members].topk(min(nodes, len(members))).indices
        found = nearest(features[members], best, neighbours)
        centres.append(members[best])
        near.append(members[found])
    centre = torch.cat(centres)
    return Graph(centre, torch.cat(near), scene[centre])


def nearest(features: Tensor, chosen: Tensor, neighbours: int) -> Tensor:
    """Rows ``[N, K]`` of ``[T, C]`` nearest to the chosen rows ``[N]``, these among them."""
    every = torch.cat((features, features.square().sum(dim=1, keepdim=True)), dim=1)
    found = []
    for part in torch.split(chosen, max(1, _PAIRS // len(features))):
        # Squared, less the chosen row's own square, which changes no order: one product.
        one = F.pad(-2 * features[part], (0, 1), value=1.0)
        distance = one @ every.T
        distance.scatter_(1, part[:, None], -torch.inf)  # others may be just as near
        found.append(lowest(distance, neighbours))
    return torch.cat(found)


def lowest(values: Tensor, count: int) -> Tensor:
    """Columns ``[N, K]`` of the ``K`` lowest values of each row ``[N, T]``, in no order.

    They lie in the ``K`` groups of columns with the lowest minima, or in what no group holds.
    """
    groups = values.shape[1] // _GROUP
    if groups <= count:
        return values.topk(count, largest=False, sorted=False).indices
    lows = values[:, : groups * _GROUP].view(-1, _GROUP, groups).amin(dim=1)
    best = lows.topk(count, largest=False, sorted=False).indices
    columns = torch.arange(values.shape[1], device=values.device)
    steps, rest = columns[: groups * _GROUP : groups], columns[groups * _GROUP :]
    looked_at = torch.cat(
        ((best[:, None] + steps[:, None]).flatten(1), rest.expand(len(values), -1)), dim=1
    )
    place = values.gather(1, looked_at).topk(count, largest=False, sorted=False).indices
    return looked_at.gather(1, place)


def node_weights(score: Tensor, scene: Tensor, temperature: float) -> Tensor:
    """Softmax of ``score [N] / temperature`` over each scene's nodes, times their number: ``[N]``.

    A scene's weights sum to its number of nodes; a high temperature makes all of them 1.
    """
    weights = torch.zeros_like(score)
    for number in torch.unique(scene):
        members = scene == number
        share = torch.softmax(score[members] / temperature, dim=0)
        weights[members] = share * members.sum()
    return weights


class GraphConvolution(nn.Module):
    """One dynamic graph convolution: a row per edge from neighbour and centre (3.2)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * channels, width, bias=False)
        nn.init.kaiming_normal_(self.linear.weight, mode="fan_out", nonlinearity="relu")
        self.norm = nn.BatchNorm1d(width)

    def forward(self, features: Tensor, graph: Graph) -> Tensor:
        """Edges ``[N, K, width]`` from a table ``[T, C]``.

        Each row is projected once and gathered after, which equals the convolution of gathered,
        concatenated rows without their size.
        """
        for_neighbour, for_centre = self.linear.weight.chunk(2, dim=1)
        edges = (features @ for_neighbour.T)[graph.neighbour]
        edges = edges + (features @ for_centre.T)[graph.centre][:, None]
        return torch.relu(self.norm(edges.flatten(0, 1))).view_as(edges)
