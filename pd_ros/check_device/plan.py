"""Which checks there are, of which networks; nothing of them is imported here."""

from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.check_device.check import Check

_CHECKS = "pd_ros.check_device.checks"
_TRAINING = "training.benchmark.check_steps"  # which the vehicle package must not import


class Part(NamedTuple):
    """A check that is made of each network it suits."""

    name: str
    module: str
    kinds: tuple[str, ...]
    gpu: bool = False
    weight: float = 1.0
    trained: bool = False  # of weights that come with the package alone


class Network(NamedTuple):
    """A detector to check, by the name of its weights or its YAML."""

    name: str
    kind: str
    devices: tuple[str, ...]  # where it is checked unless somebody chooses
    needs: tuple[str, ...] = ()
    trained: bool = False


_PILLARS, _VOXELS, _POINTS = "pillars", "voxels", "points"
_GRID = (_PILLARS, _VOXELS)
_ALL = (*_GRID, _POINTS)
_GPU, _CPU = ("cuda",), ("cpu",)  # a GPU is shown the published sizes, which take a CPU long
_SPARSE = ("spconv",)

NETWORKS = (
    Network("real_student", _PILLARS, (*_GPU, *_CPU), ("safetensors",), trained=True),  # direction
    Network("cp_pillar_v0_64", _PILLARS, _GPU),  # centres, two layers, padded
    Network("point_pillars", _PILLARS, _GPU),  # anchors, one layer, padded
    Network("nuscenes_point_pillars", _PILLARS, _GPU),  # anchors, pyramid, velocity
    Network("second", _VOXELS, _GPU, _SPARSE),  # anchors
    Network("cp_voxel_xxs", _VOXELS, _GPU, _SPARSE),  # centres, residual
    Network("point_rcnn", _POINTS, _GPU),
    Network("small_cp_pillar", _PILLARS, _CPU),
    Network("small_point_pillars", _PILLARS, _CPU),
    Network("small_second", _VOXELS, _CPU, _SPARSE),
    Network("small_cp_voxel", _VOXELS, _CPU, _SPARSE),
    Network("point_rcnn_small", _POINTS, _CPU),
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


def default_networks(device_type: str) -> list[str]:
    """Names of the networks that a kind of device is checked with."""
    return [network.name for network in NETWORKS if device_type in network.devices]


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
