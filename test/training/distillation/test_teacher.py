from small_model import save_eager_model, small_config, small_point_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from training.distillation.teacher import load_teacher

AREA = (-8.0, -4.0, 8.0, 4.0)


def test_a_teacher_looks_at_an_area_in_evaluation_mode(tmp_path) -> None:
    path = save_eager_model(tmp_path)
    model, config = load_teacher(path, AREA)
    assert not model.training
    assert config.grid.range_m[:2] == AREA[:2] and config.output_size == (8, 16)
    assert load_teacher(path).config == small_config()


def test_a_network_on_points_looks_at_its_own_range(tmp_path) -> None:
    config = small_point_config()
    path = tmp_path / "points.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    model, same = load_teacher(path, AREA)
    assert same == config and not model.training
