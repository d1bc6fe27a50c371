import pytest
import torch
from small_model import small_anchor_config, small_config, small_pyramid_config

from pd_ros.detection.bev.anchors import level_anchors
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.families import build_model
from training.config.area import area_of, crop_grid, over_area, rebuild

CONFIG = small_config()
AREA = (-8.0, -4.0, 8.0, 4.0)


def run(model, config, points):
    return model(pillarize([points], config.grid, config.capacity))


def test_the_same_network_sees_the_same_of_the_area() -> None:
    """Pillars have the same features, and lie in the canvas where the area lies in the grid."""
    torch.manual_seed(0)
    model = build_model(CONFIG).eval()
    points = torch.rand(200, 4) * torch.tensor([16.0, 7.9, 3.0, 1.0])
    points -= torch.tensor([8.0, 3.9, 2.0, 0.0])
    cropped = crop_grid(CONFIG, AREA)
    assert cropped.grid.size == (8, 16)
    whole, part = run(model, CONFIG, points), run(rebuild(model, cropped).eval(), cropped, points)
    torch.testing.assert_close(part.pillar_features, whole.pillar_features)
    assert torch.equal(part.pillar_cells, whole.pillar_cells - torch.tensor([0, 4, 0]))
    assert part.heatmap.shape[2:] == cropped.output_size


def test_anchors_stand_where_they_stood_or_are_refused() -> None:
    config = small_pyramid_config()
    for part, whole in zip(
        level_anchors(crop_grid(config, AREA)), level_anchors(config), strict=True
    ):
        quarter = len(whole) // 4
        torch.testing.assert_close(part, whole[quarter:-quarter])
    with pytest.raises(ValueError, match="small_anchors stand from border to border"):
        crop_grid(small_anchor_config(), AREA)
    with pytest.raises(ValueError, match="small_anchors stand from border to border"):
        over_area(small_anchor_config(), (-9.0, -9.0, 9.0, 9.0))
    whole = area_of(small_anchor_config())
    assert over_area(small_anchor_config(), whole) == small_anchor_config()


@pytest.mark.parametrize(
    ("area", "text"),
    [((-9.0, -4, 8, 4), "within x -8.0 to 8.0 m"), ((-8.0, -4, 8, 3.7), "whole number")],
)
def test_areas_that_do_not_fit_are_refused(area, text) -> None:
    with pytest.raises(ValueError, match=text):
        crop_grid(CONFIG, area)
