"""Sweeps of a camera's view joined around the sensor, by hand and as a run draws them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.boxes import points_in_boxes
from training.batches.mosaic import join_views
from training.batches.sampler import Draw, DrawSampler
from training.config.run import ScheduleConfig, SourceConfig, TrainConfig
from training.datasets.frame import Frame, without_labels


def view(x: float, y: float = 0.0, label: int = 0) -> Frame:
    """A box 4 m long at a place, three points in it, moving ahead at 2 m/s."""
    points = np.array([[x + d, y, 0.1, 0.5] for d in (-1, 0, 1)], np.float32)
    box = np.array([[x, y, 0, 4, 2, 1.5, 0]], np.float32)
    moving = np.array([[2, 0]], np.float32)
    return Frame(points, box, np.array([label]), np.array([3]), moving)


def test_each_view_is_turned_into_its_own_direction() -> None:
    joined = join_views([view(10), view(20, label=1), view(30), view(40, label=-1)])
    places = [[10, 0], [0, 20], [-30, 0], [0, -40]]
    np.testing.assert_allclose(joined.boxes[:, :2], places, atol=1e-4)
    np.testing.assert_allclose(joined.points[1::3, :2], places, atol=1e-4)
    turned = np.abs(joined.boxes[:, 6])
    np.testing.assert_allclose(turned, np.pi * np.array([0, 0.5, 1, 0.5]), atol=1e-6)
    np.testing.assert_allclose(joined.velocities, [[2, 0], [0, 2], [-2, 0], [0, -2]], atol=1e-6)
    assert joined.labels.tolist() == [0, 1, 0, -1] and joined.num_points.tolist() == [3] * 4
    assert joined.points.dtype == joined.boxes.dtype == np.float32


@given(st.lists(st.tuples(st.floats(5, 40), st.floats(-4, 4)), min_size=1, max_size=5))
def test_points_stay_in_their_boxes_and_as_far_away(places) -> None:
    views = [view(x, y) for x, y in places]
    joined = join_views(views)
    hits = points_in_boxes(torch.from_numpy(joined.points), torch.from_numpy(joined.boxes), 1e-3)
    assert all(hits[i, 3 * i : 3 * i + 3].all() for i in range(len(views)))
    far = [np.hypot(*each.points[:, :2].T) for each in views]
    np.testing.assert_allclose(np.hypot(*joined.points[:, :2].T), np.concatenate(far), rtol=1e-5)


def test_a_sweep_without_labels_is_no_view() -> None:
    with pytest.raises(ValueError, match="expected labelled sweeps"):
        join_views([view(10), without_labels(view(20).points)])
    with pytest.raises(ValueError, match="views: joins labelled sweeps"):
        SourceConfig(path="data", views=4, labelled=False)


def draws(views: int) -> list[Draw]:
    config = TrainConfig(
        model="m.yaml",
        data=(SourceConfig(path="a", views=views), SourceConfig(path="b")),
        schedule=ScheduleConfig(epochs=1, frames_per_epoch=400, batch_size=2),
        out="runs/a",
    )  # fmt: skip
    heavy = {0: np.array([0.0, 0.25, 0.75])}
    return [draw for batch in DrawSampler([3, 5], config, weights=heavy) for draw in batch]


def test_further_views_are_drawn_by_the_same_chances() -> None:
    drawn = [draw for draw in draws(4) if draw.source == 0]
    assert {len(draw.more) for draw in drawn} == {3}
    more = np.array([draw.more for draw in drawn]).ravel()
    assert 0.7 < (more == 2).mean() < 0.8 and not (more == 0).any()
    assert all(draw.more == () for draw in draws(4) if draw.source == 1)


def test_runs_without_them_draw_as_before() -> None:
    plain = [draw._replace(more=()) for draw in draws(4)]
    assert plain == draws(1)
