"""Pictures and animation from above: what they hold, and how large they are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.plots import animation, overview
from pd_ros.evaluation.plots.animation import MOST_BYTES, DriveAnimation
from pd_ros.evaluation.plots.birdseye import height_image, reach_m
from pd_ros.evaluation.plots.layers import BirdseyePanel
from pd_ros.evaluation.plots.overview import save_birdseye, save_side_by_side
from training.simulate.drive import simulate_drive
from training.simulate.lidar.sensor_files import load_rig


def panel(title: str, objects: int, labelled: bool = True, points: int = 500) -> BirdseyePanel:
    """A cloud of noise, with so many cars in a row, the first found and the second missed."""
    rng = np.random.default_rng(objects)
    cloud = torch.from_numpy(rng.uniform(-40, 40, (points, 4)).astype(np.float32))
    boxes = torch.tensor([[6.0 * i, 4.0, -1, 4, 2, 1.5, 0.3] for i in range(objects)])
    boxes = boxes.reshape(-1, 7)
    found = Detections(boxes[:1], torch.ones(len(boxes[:1])), torch.zeros(len(boxes[:1])).long())
    truth = GroundTruth(boxes, torch.zeros(objects).long(), torch.zeros(objects, dtype=torch.bool))
    return BirdseyePanel(cloud, found, ("car",), title, truth if labelled else None)


def test_the_cloud_with_the_most_objects_is_large_and_the_others_small(
    tmp_path: Path, monkeypatch
) -> None:
    drawn = list[tuple[str, float]]()
    draw = overview.draw_birdseye

    def spy(axes, panel, range_m, scale=1.0) -> None:
        drawn.append((panel.title, scale))
        draw(axes, panel, range_m, scale)

    monkeypatch.setattr(overview, "draw_birdseye", spy)
    save_birdseye(tmp_path / "a.png", [panel("$x_1$", 1), panel("b", 3), panel("c", 2)], "title")
    assert drawn == [("b", 1.0), ("$x_1$", 0.5), ("c", 0.5)]
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 1440


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("objects", [0, 2])
def test_clouds_without_points_objects_and_labels_are_drawn(tmp_path, labelled, objects) -> None:
    panels = [panel("a", objects, labelled, points=0)]
    save_birdseye(tmp_path / "a.png", panels, "")
    save_side_by_side(tmp_path / "b.png", panels * 2)
    for name in "ab":
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("save", [lambda path: save_birdseye(path, [], ""),
                                  lambda path: save_side_by_side(path, [])])  # fmt: skip
def test_no_cloud_is_refused(save, tmp_path) -> None:
    with pytest.raises(ValueError, match="at least one cloud"):
        save(tmp_path / "a.png")


def test_found_is_green_missed_red_and_imagined_orange(tmp_path) -> None:
    """Each colour is in the large view (left of 900 px) if and only if there is such a box."""
    boxes = torch.tensor([[10.0 * i, 4.0, -1, 4, 2, 1.5, 0] for i in range(3)])
    asked = GroundTruth(boxes[:2], torch.zeros(2).long(), torch.zeros(2, dtype=torch.bool))
    found = Detections(boxes[[0, 2]], torch.ones(2), torch.zeros(2).long())
    green, red, orange = (0, 135, 95), (212, 0, 42), (255, 159, 28)
    whole = BirdseyePanel(torch.zeros(0, 3), found, ("car",), "a", asked)
    good = whole._replace(detections=found.select(torch.tensor([True, False])),
                          ground_truth=GroundTruth(*(part[:1] for part in asked)))  # fmt: skip
    for shown, colours in ((whole, {green, red, orange}), (good, {green})):
        save_birdseye(tmp_path / "a.png", [shown], "")
        with Image.open(tmp_path / "a.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))[:, :900].reshape(-1, 3)
        there = set(map(tuple, np.unique(pixels, axis=0).tolist()))
        assert there & {green, red, orange} == colours


def test_height_image_has_the_highest_point_of_each_cell_and_ahead_is_up() -> None:
    points = torch.tensor([[9.0, 0.5, 1], [9.0, 0.5, 2], [-9, -9, 3], [11, 0, 4], [0, 0, np.nan]])
    image = height_image(points, 10.0, 4)
    assert image[0, 1] == 2  # ahead, a little to the left
    assert image[3, 3] == 3  # behind, to the right
    assert np.isfinite(image).sum() == 2


def test_reach_is_that_of_objects_and_boxes() -> None:
    assert reach_m(panel("a", 1)) == 25
    assert reach_m(panel("a", 11)) == 64  # the last stands at 60 m


def test_animation_has_a_frame_for_each_cloud_and_is_small(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "drive.webp"
    with DriveAnimation(path, 51.2, "title") as drive:
        for number in range(6):
            drive.add(panel(str(number), number, labelled=number % 3 > 0, points=20_000))
    with Image.open(path) as film:
        assert (film.n_frames, film.size) == (6, (640, 640))
        film.seek(1)
        film.load()
        assert film.info["duration"] == 100
    assert list(path.parent.iterdir()) == [path]


def test_200_frames_of_the_demos_drive_would_be_small_enough(tmp_path: Path) -> None:
    """Seed, sensor and rate are the demo's; the first half second of it."""
    frames = simulate_drive(7, load_rig("hdl64e"), 0.5)
    with DriveAnimation(tmp_path / "a.webp", 51.2, "title") as drive:
        for number, frame in enumerate(frames):
            cloud = torch.from_numpy(frame.points)
            assert len(cloud) > 50_000
            drive.add(panel(str(number), 9)._replace(points=cloud))
    assert drive.frames == 5
    per_frame = (tmp_path / "a.webp").stat().st_size / drive.frames
    assert per_frame * animation.MOST_FRAMES < 1.5 * MOST_BYTES  # the first one is the largest


def test_quality_falls_until_the_animation_is_small_enough(tmp_path: Path, monkeypatch) -> None:
    sizes = []
    for most in (10**9, 1):
        monkeypatch.setattr(animation, "MOST_BYTES", most)
        with DriveAnimation(tmp_path / "a.webp", 51.2, "") as drive:
            drive.add(panel("a", 3, points=20_000))
            drive.add(panel("b", 4, points=20_000))
        sizes.append((tmp_path / "a.webp").stat().st_size)
    assert sizes[1] < 0.8 * sizes[0]


def test_animation_of_a_long_drive_ends(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(animation, "MOST_FRAMES", 2)
    with DriveAnimation(tmp_path / "a.webp", 51.2, "") as drive:
        for number in range(4):
            drive.add(panel(str(number), number))
    with Image.open(tmp_path / "a.webp") as film:
        assert film.n_frames == 2


def test_animation_is_not_written_without_a_frame_or_after_an_error(tmp_path: Path) -> None:
    with DriveAnimation(tmp_path / "a.webp", 51.2, ""):
        pass
    with pytest.raises(KeyError), DriveAnimation(tmp_path / "a.webp", 51.2, "") as drive:
        drive.add(panel("a", 1))
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_animation_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.webp"):
        DriveAnimation(tmp_path / "a.gif", 51.2, "")
