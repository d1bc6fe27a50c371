"""From a BEV network's maps to boxes, whichever head made them."""

from collections.abc import Callable
from functools import partial

import torch

from pd_ros.detection.bev.decode_anchor import AnchorPeaks
from pd_ros.detection.bev.decode_center import peaks, suppress, usable
from pd_ros.detection.bev.peaks_above import peaks_above
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, CenterHeadConfig, DecodeConfig
from pd_ros.detection.types import CellMaps, Detections, ModelOutput

BevPeaks = Callable[[CellMaps], list[Detections]]
BevDecoder = Callable[[ModelOutput], list[Detections]]


def make_peaks(config: ModelConfig, device: torch.device) -> BevPeaks:
    """From the maps of a batch to each sample's best boxes, before threshold and NMS."""
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorPeaks(config, device)
    return partial(peaks, config=config)


def make_candidates(
    config: ModelConfig, device: torch.device
) -> Callable[[CellMaps, DecodeConfig], Detections]:
    """From the maps of one cloud to its best boxes, before NMS and maybe before the threshold.

    Where the threshold is higher than the config's, which lets hundreds pass, a CPU, which may
    wait for a count, works out those above it alone.
    """
    one_center_head = isinstance(config.head, CenterHeadConfig) and len(config.class_groups) == 1
    may_count = device.type == "cpu" and one_center_head
    find, usual = make_peaks(config, device), config.decode.score_threshold

    def candidates(maps: CellMaps, settings: DecodeConfig) -> Detections:
        if may_count and settings.score_threshold > usual:
            return peaks_above(maps, config, settings.score_threshold)
        return find(maps)[0]

    return candidates


def make_bev_decoder(config: ModelConfig, device: torch.device) -> BevDecoder:
    """From the output of a network over a batch to the boxes of each sample.

    A sample without a point in range has none, whatever the maps say about empty space.
    """
    find, settings = make_peaks(config, device), config.decode

    def decode(output: ModelOutput) -> list[Detections]:
        seen = set(output.pillar_cells[:, 0].tolist())
        return [
            suppress(usable(found, settings), settings, config.class_groups)
            if sample in seen
            else Detections.empty()
            for sample, found in enumerate(find(output.maps))
        ]

    return decode
