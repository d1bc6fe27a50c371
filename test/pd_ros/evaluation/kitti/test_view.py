"""What nobody labelled, for a camera whose image is worked out by hand."""

import numpy as np
import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.camera import Calibration
from pd_ros.evaluation.kitti.view import CameraView, in_regions, seen_in_view, within_view
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.scores import score_operating_point

# At the LiDAR, 700 pixels a metre at 1 m, its middle at (600, 180) of 1200 x 360 pixels.
PROJECTION = np.array([[700.0, 0, 600, 0], [0, 700, 180, 0], [0, 0, 1, 0]])
MOUNT = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
# A thin box 2 m wide and 2 m high, 20 m ahead, spans 70 pixels each way.
AHEAD = [20.0, 0.0, 0.0, 0.01, 2.0, 2.0, 0.0]
ASIDE = [20.0, 5.0, 0.0, 0.01, 2.0, 2.0, 0.0]  # 175 pixels to the left: 390 to 460
BESIDE = [1.0, 20.0, 0.0, 2.0, 2.0, 2.0, 0.0]  # out of the image


def view(*regions: list[float]) -> CameraView:
    calibration = Calibration(PROJECTION, MOUNT, (1200, 360))
    return CameraView(calibration, np.array(regions).reshape(-1, 4))


def boxes(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows).reshape(-1, 7)


def test_a_box_lies_in_the_region_that_covers_most_of_it() -> None:
    """AHEAD is in the image at x 565 to 635: to 600 are 50 %, to 610 are 64 % of it."""
    box = boxes(AHEAD)
    assert in_regions(box, view([500, 100, 610, 300])).tolist() == [True]
    assert in_regions(box, view([500, 100, 598, 300])).tolist() == [False]
    halves = view([500, 100, 598, 300], [602, 100, 700, 300])
    assert in_regions(box, halves).tolist() == [False]  # mainly in neither
    assert in_regions(box, view()).tolist() == [False]
    assert in_regions(boxes(), view([0, 0, 9, 9])).tolist() == []


def test_the_image_has_the_size_that_was_said() -> None:
    assert seen_in_view(boxes(AHEAD, ASIDE, BESIDE), view()).tolist() == [True, True, False]
    narrow = view()._replace(calibration=Calibration(PROJECTION, MOUNT, (500, 360)))
    assert seen_in_view(boxes(AHEAD, ASIDE), narrow).tolist() == [False, True]


def test_a_raised_cloud_projects_to_the_same_pixels() -> None:
    low = boxes(AHEAD)
    low[:, 2] -= 1.3
    region = [500.0, 100, 610, 300]
    assert in_regions(low, view(region).raised(-1.3)).tolist() == [True]
    upper = [565.0, 145, 635, 215]
    assert in_regions(low, view(upper)).tolist() == [False]
    assert in_regions(low, view(upper).raised(-1.3)).tolist() == [True]


def test_ghosts_where_nobody_labelled_do_not_count() -> None:
    """One ghost ahead, one aside, one beside the image; a region covers the one ahead."""
    nothing = GroundTruth(boxes(), torch.zeros(0, dtype=torch.int64), torch.zeros(0).bool())
    labels = torch.zeros(3, dtype=torch.int64)
    found = Detections(boxes(AHEAD, ASIDE, BESIDE), torch.tensor([0.9, 0.8, 0.7]), labels)
    ghosts = []
    for seen in (None, view(), view([500, 100, 700, 300])):
        truth, judged = within_view(nothing, found, seen)
        scores = score_operating_point([truth], [judged], ("car",), {"car": 0.5})
        ghosts.append(scores["car"]["all"].ghosts)
    assert ghosts == [3, 2, 1]


def test_what_touches_an_object_is_judged_and_what_is_unseen_is_not_asked_for() -> None:
    covered = view([500, 100, 700, 300])
    truth = GroundTruth(boxes(AHEAD, BESIDE), torch.tensor([0, 0]), torch.tensor([False, False]))
    found = Detections(boxes(AHEAD), torch.tensor([0.9]), torch.tensor([0]))
    there, judged = within_view(truth, found, covered)
    assert len(judged.scores) == 1
    assert there.ignore.tolist() == [False, True]
