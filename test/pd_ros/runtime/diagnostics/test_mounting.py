"""What is said of a sensor's rings and of an offset that is measured."""

import pytest
from street import street

from pd_ros.pointcloud.beams import Beams
from pd_ros.pointcloud.training_statistics import SIMULATED, Expected
from pd_ros.pointcloud.z_offset import AutoOffset, measure_offset
from pd_ros.runtime.diagnostics import mounting
from pd_ros.runtime.diagnostics.mounting import advise_training, judge_beams, judge_offset
from pd_ros.runtime.diagnostics.status import Level

RECORDED = Expected(SIMULATED, recorded=True)
VLP_16 = Beams("spinning", 16, -15.0, 15.0, 0.2)
LIVOX = Beams("non-repetitive", 0, -7.0, 52.0, 0.0)


def test_fewer_rings_than_in_training_are_named_with_what_to_do() -> None:
    (finding,) = judge_beams(VLP_16, RECORDED)
    assert finding.level is Level.OK
    assert finding.value == "16 rings, -15 to 15 deg, every 0.20 deg"
    assert finding.expected == "64 rings, -24 to 2 deg"
    assert finding.advice == f"16 rings, trained on 64: {advise_training()}"


def test_a_pattern_without_rings_and_one_of_more() -> None:
    (finding,) = judge_beams(LIVOX, RECORDED)
    assert finding.advice.startswith("no rings, trained on 64: ")
    (finding,) = judge_beams(VLP_16._replace(rings=128), RECORDED)
    assert finding.advice.startswith("128 rings, trained on 64: ")


def test_a_training_without_rings_expects_none() -> None:
    spread = (0.0, 0.0, 0.0)
    record = SIMULATED.model_copy(
        update={"beams": SIMULATED.beams.model_copy(update={"rings": spread})}
    )
    (finding,) = judge_beams(LIVOX, Expected(record, recorded=True))
    assert finding.expected == "no rings, -24 to 2 deg"
    assert finding.advice == ""
    (finding,) = judge_beams(VLP_16, Expected(record, recorded=True))
    assert finding.advice.startswith("16 rings, trained on none: ")


@pytest.mark.parametrize("rings", [52, 64, 71])
def test_about_as_many_rings_are_fine(rings) -> None:
    (finding,) = judge_beams(VLP_16._replace(rings=rings), RECORDED)
    assert finding.advice == ""


def test_a_record_older_than_rings_is_taken_for_the_simulated_sensor_and_says_so() -> None:
    old = Expected(SIMULATED.model_copy(update={"beams": None}), recorded=True)
    (finding,) = judge_beams(VLP_16, old)
    assert finding.expected == (
        "64 rings, -24 to 2 deg, as the simulated HDL-64E; not recorded in training"
    )
    assert "trained on 64" in finding.advice


def test_the_command_is_named_only_where_it_is(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mounting, "_CHECKOUT", tmp_path)
    assert "training.adapt" not in advise_training()
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "adapt.py").touch()
    assert advise_training().startswith("python -m training.adapt --sensor ")


def test_an_offset_is_a_warning_until_it_is_found() -> None:
    measuring = judge_offset(AutoOffset(-1.73), -1.73)
    assert (measuring.level, measuring.advice) == (Level.WARN, "answers are empty until then")
    found = judge_offset(measure_offset([street(-2.15)], -1.73), -1.73)
    assert (found.level, found.advice) == (Level.OK, "")
    assert found.expected == "the training's ground at -1.73 m"
    unknown = judge_offset(measure_offset([], -1.73), -1.73)
    assert unknown.level is Level.WARN
    assert unknown.advice == (
        "set input.z_offset to a number: the sensor's height above the ground less 1.73"
    )
    assert judge_offset(measure_offset([], None), None).advice == "set input.z_offset to a number"
