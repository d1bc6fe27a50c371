"""Which checks there are, of which networks; nothing of them is imported here."""

from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.check_device.check import Check

_CHECKS = "pd_ros.check_device.checks"
_TRAINING = "training.check_steps"  # which the vehicle package must not import


class Part(NamedTuple):
    """A check that is made of each network it suits."""

    name: str
    module: str
    kinds: tuple[str, ...]
    gpu: bool = False
    weight: float = 1.0
    trained: bool = False  # of weights that come with the package alone


class Network(NamedTuple):
    """A detector to check, by the name of its weights or its YAML, and what it stands for."""

    name: str
    kind: str
    stands_for: str
    needs: tuple[str, ...] = ()
    trained: bool = False


_PILLARS, _VOXELS, _POINTS = "pillars", "voxels", "points"
_GRID = (_PILLARS, _VOXELS)
_ALL = (*_GRID, _POINTS)

NETWORKS = (
    Network("real_student", _PILLARS, "trained, centres, direction", ("safetensors",), True),
    Network("cp_pillar_v0_64", _PILLARS, "centres, two layers, padded pillars"),
    Network("point_pillars", _PILLARS, "anchors, one layer, padded pillars"),
    Network("nuscenes_point_pillars", _PILLARS, "anchors, pyramid, velocity"),
    Network("second", _VOXELS, "anchors, sparse", ("spconv",)),
    Network("cp_voxel_xxs", _VOXELS, "centres, sparse, residual", ("spconv",)),
    Network("point_rcnn", _POINTS, "raw points, two stages"),
)
PARTS = (
    Part("voxels", f"{_CHECKS}.voxels", _GRID),
    Part("encoder", f"{_CHECKS}.encoder", _GRID),
    Part("dense", f"{_CHECKS}.dense", _GRID),
    Part("decode", f"{_CHECKS}.decode", _GRID),
    Part("boxes", f"{_CHECKS}.boxes", _ALL),
    Part("one_pass", f"{_CHECKS}.one_pass", (_PILLARS,)),
    Part("cuda_graph", f"{_CHECKS}.cuda_graph", _GRID, gpu=True, weight=6),
    Part("no_wait", f"{_CHECKS}.no_wait", (_PILLARS,), gpu=True),
    Part("latency", f"{_CHECKS}.latency", _ALL, weight=3),
    Part("node", f"{_CHECKS}.node_path", _GRID, weight=2, trained=True),
    Part("training", _TRAINING, _ALL, weight=3),
)
_GENERAL = (
    Check("driver", f"{_CHECKS}.driver"),
    Check("nms", f"{_CHECKS}.suppression"),
)


def all_checks(names: Sequence[str]) -> tuple[Check, ...]:
    """The checks of the device, then those of the networks of these names.

    Part by part, so that what is simple has been told before what is not begins.
    """
    chosen = [network for network in NETWORKS if network.name in names]
    return *_GENERAL, *(
        Check(part.name, part.module, network.name, network.needs, part.gpu, part.weight)
        for part in PARTS
        for network in chosen
        if network.kind in part.kinds and network.trained >= part.trained
    )
