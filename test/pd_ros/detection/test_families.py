from pathlib import Path

import pytest
import yaml
from small_model import SMALL, SMALL_POINTS

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import build_model, load_model_config, parse_model_config
from pd_ros.detection.point_rcnn.detector import PointRcnn


@pytest.mark.parametrize("path", sorted(Path("config/model").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_model_configs_are_valid(path) -> None:
    assert load_model_config(path).name == path.stem


@pytest.mark.parametrize(
    ("network", "kind", "model"),
    [(SMALL, ModelConfig, BevDetector), (SMALL_POINTS, PointRcnnConfig, PointRcnn)],
    ids=["from above", "points"],
)
def test_the_kind_decides_and_travels(tmp_path, network, kind, model) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(yaml.safe_dump(network))
    config = load_model_config(path)
    assert type(config) is kind
    assert type(build_model(config)) is model
    assert config.range_m == (-8, -8, -3, 8, 8, 1)
    assert parse_model_config(config.model_dump(mode="json"), "again") == config


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({**SMALL, "kind": "graph"}, "x: kind: expected no kind .* point_rcnn .* 'graph'"),
        ({**SMALL, "kind": "point_rcnn"}, "x: grid: unknown key"),
        ({**SMALL, "points": 3}, "x: points: unknown key"),
        ([1], r"x: \(whole file\)"),
    ],
)
def test_what_is_no_network_is_refused(content, expected) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_model_config(content, "x")
