"""The weights that ship: where they come from, and that they find what is there."""

import re
from pathlib import Path

import pytest
import torch

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import load_config
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.distance_bins import STARTS_M
from pd_ros.evaluation.lidar import MIN_POINTS
from pd_ros.evaluation.operating.expected_errors import read_box_errors
from pd_ros.recordings.sources import open_source
from pd_ros.replay.run import Scores, replay, score
from training.config.run import SourceConfig, TrainConfig
from training.evaluate.scoring import score_source
from training.profile.operations import count_operations
from training.simulate.frames import simulate_frame, write_frame
from training.simulate.lidar.sensor_files import load_rig

WEIGHTS = Path("pd_ros/weights")
NAMES = ("sim_teacher", "sim_student", "real_teacher", "real_student")


@pytest.mark.parametrize("name", NAMES)
def test_the_record_says_how_they_were_trained(name) -> None:
    record = load_checkpoint(WEIGHTS / f"{name}.safetensors").training
    run = record["run"]
    assert run["out"] == f"runs/{name}"
    assert isinstance(run["seed"], int)
    assert record["epoch"] == run["schedule"]["epochs"]
    assert ("KITTI" in record["licence"]) == name.startswith("real")


@pytest.mark.parametrize("name", NAMES)
def test_the_errors_of_their_cars_are_known_at_every_distance(name) -> None:
    """For a tracker: whoever replaces weights has to measure them, see docs/node/autoware.md."""
    errors = read_box_errors(load_checkpoint(WEIGHTS / f"{name}.safetensors").training, name)
    assert errors is not None
    cars = errors.classes["car"]
    assert tuple(each.from_m for each in cars) == STARTS_M
    assert all(each.pairs > 20 and 0.05 < each.along_m < 0.6 for each in cars)


def test_all_together_are_small() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 10e6


def test_the_student_costs_at_most_a_quarter_of_its_teacher() -> None:
    cloud = simulated_cloud()
    costs = []
    for name in ("sim_student", "sim_teacher"):
        checkpoint = load_checkpoint(WEIGHTS / f"{name}.safetensors")
        costs.append(count_operations(checkpoint.model, cloud, checkpoint.config)[0])
    assert costs[0] <= costs[1] / 4


def simulated_cloud():
    return torch.from_numpy(simulate_frame(99, load_rig("hdl64e")).points)


@pytest.mark.parametrize(("name", "least"), [("real_teacher", 76.0), ("real_student", 70.0)])
def test_cars_of_kitti_frames(data_dir, name, least) -> None:
    """AP from above at IoU 0.5, moderate, of frames that their last run has seen, too."""
    predictor = Predictor.from_checkpoint(WEIGHTS / f"{name}.safetensors", "cpu", "fp32")
    source = open_source(data_dir / "kitti_object/training", None, 1.0, None, with_truth=True)
    result = replay(predictor, source, predictor.config)
    assert kitti_moderate(score(result, source, predictor.config.classes)) > least


def kitti_moderate(scores: Scores) -> float:
    return scores.to_json()["Car"]["bev"]["loose"]["R40"][1]


def test_most_cars_face_the_way_that_they_look(tmp_path) -> None:
    """On simulated sweeps not seen in training; docs/results/accuracy.md has the exact shares."""
    predictor = Predictor.from_checkpoint(WEIGHTS / "sim_student.safetensors", "cpu", "fp32")
    for seed in (991, 992, 993):
        write_frame(tmp_path / f"{seed}.npz", simulate_frame(seed, load_rig("hdl64e")))
    source = SourceConfig(path=str(tmp_path))
    car = score_source(predictor, predictor.config, source, MIN_POINTS).loose["car"]
    assert car.true_positives > 20
    assert car.facing > 0.7


def words(script: str, name: str) -> list[str]:
    """A list of the script, over one line or several."""
    found = re.search(rf"{name}=\(([^)]*)\)", script)
    assert found, name
    return found[1].split()


def test_the_script_trains_all_that_ships_each_after_what_it_starts_from() -> None:
    script = Path("packaging/train_weights.sh").read_text()
    sim, real = (words(script, f"{kind}_RUNS") for kind in ("SIM", "REAL"))
    shipped = {kind: words(script, f"{kind}_SHIPPED") for kind in ("SIM", "REAL")}
    assert sorted(NAMES) == sorted(shipped["SIM"] + shipped["REAL"])
    assert set(shipped["SIM"]) <= set(sim)
    assert set(words(script, "REAL_JUDGED")) <= set(real)
    runs = sim + real + shipped["REAL"]
    done: list[str] = []
    for run in runs:
        config = load_config(Path(f"config/train/{run}.yaml"), TrainConfig)
        needed = {config.initialise_from, config.distill and config.distill.teacher} - {None}
        assert needed <= {f"runs/{name}/model.safetensors" for name in done}, run
        done.append(run)
