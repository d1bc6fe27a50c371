"""The page about sensors says what ``config/sensors`` says, and its examples are taken."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from pd_ros.detection.config.base import parse_config
from training.simulate.lidar.rig import RigConfig
from training.simulate.lidar.sensor import Sensor
from training.simulate.mixture import MixtureConfig, load_mixture

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/sensors.md"


@pytest.fixture(scope="module")
def writer():
    spec = importlib.util.spec_from_file_location(
        "write_sensors", ROOT / "packaging/write_sensors.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_sensor_files_give(writer) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert writer.with_tables(page) == page, "run packaging/write_sensors.py"


def test_a_changed_row_and_a_missing_one_are_noticed(writer) -> None:
    page = PAGE.read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `vls128` | Velodyne"))
    for other in (row.replace("128", "127"), ""):
        assert writer.with_tables(page.replace(row, other)) == page


def test_the_examples_of_the_page_are_taken() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    sensor, rig, mixture = map(yaml.safe_load, blocks)
    assert parse_config(sensor, Sensor, "page").scan.rings == 22
    assert len(parse_config(rig, RigConfig, "page").sensors) == 2
    assert len(parse_config(mixture, MixtureConfig, "page").parts) == 4


def test_every_key_of_a_sensor_is_in_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{key}` |" in page for key in Sensor.model_fields)


def test_the_mixture_that_comes_with_the_package_is_sound() -> None:
    parts = load_mixture(ROOT / "config/mixtures/travel.yaml")
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    assert len({part.rig.title for part in parts}) == 16
