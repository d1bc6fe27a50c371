"""Classes in groups, limits of boxes' centres, pillars of any height."""

import pytest
import torch
from small_model import ANCHORS, small_anchor_config, small_config

from pd_ros.detection.bev.decode_center import suppress, usable
from pd_ros.detection.bev.peaks import make_peaks
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.inference.static_pillars import PaddedPillars
from pd_ros.detection.types import HeadMaps

CPU = torch.device("cpu")
CLASSES = ["car", "truck", "pedestrian"]
GROUPS = [["pedestrian"], ["truck", "car"]]


def center_config(**decode):
    rules = {"score_threshold": 0.3, "max_candidates": 4, "max_detections": 2, **decode}
    head = {"width": 8, "velocity": True}
    return small_config(classes=CLASSES, groups=GROUPS, head=head, decode=rules)


def maps_with(config, *peaks):
    """Maps of 16 x 16 cells of 1 m; peaks: class, row, column, score, z, and velocity along x."""
    heatmap = torch.full((1, 3, 16, 16), -9.0)
    box = torch.zeros(1, 20, 16, 16)
    for label, row, column, score, z, speed in peaks:
        group = next(g for g, members in enumerate(config.class_groups) if label in members)
        heatmap[0, label, row, column] = torch.tensor(score).logit()
        box[0, 10 * group + 2, row, column] = z
        box[0, 10 * group + 6, row, column] = 1  # cos of the yaw
        box[0, 10 * group + 8, row, column] = speed
    return HeadMaps(heatmap, box)


def found_in(maps, config):
    candidates = usable(make_peaks(config, CPU)(maps)[0], config.decode)
    return suppress(candidates, config.decode, config.class_groups)


def test_only_boxes_of_one_group_suppress_each_other() -> None:
    config = center_config()
    here = (3, 5)
    peaks = [(0, *here, 0.6, -1.0, 3.0), (1, *here, 0.9, -1.0, 3.0), (2, *here, 0.8, 0.5, 7.0)]
    found = found_in(maps_with(config, *peaks), config)
    assert found.labels.tolist() == [1, 2]  # the truck hides the car, not the pedestrian
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.8]))
    assert found.boxes[:, 2].tolist() == [-1.0, 0.5]
    assert found.velocities.tolist() == [[3.0, 0.0], [7.0, 0.0]]
    assert found.boxes[:, :2].tolist() == [[-3.0, -5.0]] * 2


def test_both_counts_are_of_each_group() -> None:
    config = center_config()
    crowd = [(0, 2 * i, 0, 0.9 - i / 100, -1.0, 0.0) for i in range(6)]
    walkers = [(2, 2 * i, 9, 0.5 - i / 100, -1.0, 0.0) for i in range(3)]
    found = found_in(maps_with(config, *crowd, *walkers), config)
    assert found.labels.tolist() == [0, 0, 2, 2]
    assert (found.scores.diff() < 0).all()


def test_boxes_with_centres_beyond_the_limit_are_left_out() -> None:
    """Both bounds are within, as OpenPCDet has it."""
    limits = [-8, -8, -2, -2.5, 8, 0.5]
    config = center_config(centre_range_m=limits)
    kept = [(0, 4, 4, 0.8, 0.5, 0.0), (2, 9, 4, 0.7, -2.0, 0.0)]
    gone = [(0, 4, 9, 0.9, 0.0, 0.0), (2, 9, 1, 0.9, -2.1, 0.0)]
    found = found_in(maps_with(config, *kept, *gone), config)
    assert found.labels.tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"decode: centre_range_m: .* is empty or reversed"):
        center_config(centre_range_m=[0, 0, 0, 1, 1, 0])


def test_anchors_of_a_group_stand_for_its_best_class() -> None:
    sizes = [ANCHORS["anchors"][0], *ANCHORS["anchors"]]
    rules = {"score_threshold": 0.3, "max_candidates": 2, "max_detections": 2}
    config = small_config(
        classes=CLASSES, groups=GROUPS, head={**ANCHORS, "anchors": sizes}, decode=rules
    )
    classes = torch.full((1, 6, 3, 16, 16), -9.0)
    classes[0, 0, :, 2, 3] = torch.tensor([0.4, 0.7, 0.6]).logit()
    classes[0, 0, 0, 2, 9] = torch.tensor(0.9).logit()
    maps = HeadMaps(classes.flatten(1, 2), torch.zeros(1, 42, 16, 16), torch.zeros(1, 12, 16, 16))
    found = found_in(maps, config)
    assert found.labels.tolist() == [0, 1, 2]
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.7, 0.6]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"groups": [["car"]]}, "groups: each of the classes"),
        ({"groups": [["car"], ["pedestrian", "car"]]}, "groups: each of the classes"),
        ({"groups": [["car"], ["pedestrian"], []]}, "groups: each of the classes"),
        ({"groups": [["car"], ["pedestrian"]], "decode": {"nms_per_class": True}}, "say it"),
        ({"groups": [["car"], ["pedestrian"]], "head": {"width": 8, "direction": True}}, "one gr"),
        ({"head": {"width": 8, "velocity": True, "quality": 0.5}}, "without velocity"),
        ({"neck": {"widths": [8, 8], "strides": [0.4, 1]}}, "1 / a whole number"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, words) -> None:
    with pytest.raises(ValueError, match=words):
        small_config(**changes)


def test_pillars_of_any_height_take_what_is_above_and_below() -> None:
    grid = {"range_m": [-8, -8, -3, 8, 8, 1], "pillar_size_m": [1, 1], "any_height": True}
    config = small_anchor_config(grid=grid)
    points = torch.tensor(
        [[0.5, 0.5, 40.0, 0], [0.5, 0.5, -9.0, 0], [0.5, 0.5, 0.0, 0], [9.0, 0.5, 0.0, 0]]
    )
    odd = torch.tensor([[0.5, 0.5, z, 0.0] for z in (torch.inf, -torch.inf, torch.nan)])
    cloud = torch.cat((points, odd))
    batch = pillarize([cloud], config.grid, config.capacity)
    assert batch.points[:, 2].tolist() == [40.0, -9.0, 0.0]
    padded = PaddedPillars(config.grid, config.capacity, CPU)(cloud)
    assert int((padded.place < 256).sum()) == 1
    assert int(padded.batch.counts[int((padded.place < 256).nonzero()[0])]) == 3
    below = small_anchor_config(grid={**grid, "any_height": False})
    assert len(pillarize([cloud], below.grid, below.capacity).points) == 1
    with pytest.raises(ValueError, match="any_height: a point out of the range lies in no voxel"):
        small_config(grid={**grid, "voxel_height_m": 0.1})
