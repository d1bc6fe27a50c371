import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.operating_point import read_operating_point
from training.simulate.frames import simulate_frame
from training.simulate.lidar.sensor_files import load_rig

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "packaging"))

from keep_rates import main, same_rate, scores_of  # noqa: E402


def falling(*scores):
    return np.array(scores, np.float32)


@pytest.mark.parametrize(
    ("before", "now", "threshold", "expected"),
    [
        (falling(0.9, 0.6, 0.2), falling(0.8, 0.7, 0.65, 0.3), 0.5, 0.7),
        (falling(0.9, 0.6, 0.2), falling(0.9, 0.6, 0.2), 0.6, 0.6),
        (falling(0.4), falling(0.9), 0.5, 0.5),
        (falling(0.9, 0.8), falling(0.3), 0.5, 0.3),
        (falling(0.9), falling(), 0.5, 0.5),
    ],
)
def test_as_many_scores_lie_above(before, now, threshold, expected) -> None:
    assert same_rate(before, now, threshold) == pytest.approx(expected)


def test_shipped_weights_get_thresholds_of_the_same_rate(tmp_path, capsys) -> None:
    judged, shipped = tmp_path / "judged.safetensors", tmp_path / "shipped.safetensors"
    shutil.copy(ROOT / "pd_ros/weights/sim_teacher.safetensors", judged)
    shutil.copy(ROOT / "pd_ros/weights/sim_student.safetensors", shipped)
    clouds = tmp_path / "clouds"
    clouds.mkdir()
    for seed in (71, 72):
        sweep = simulate_frame(seed, load_rig("hdl64e"))
        np.savez(clouds / f"{seed}.npz", points=sweep.points)
    command = ["--judged", judged, "--shipped", shipped, "--clouds", clouds]
    assert main([str(each) for each in command]) == 0
    assert "boxes a cloud" in capsys.readouterr().out
    points = [
        read_operating_point(load_checkpoint(path).training, "") for path in (judged, shipped)
    ]
    assert points[1].data.endswith("as many boxes on clouds")
    files = sorted(clouds.glob("*.npz"))
    counts = [
        int((scores_of(path, files)["car"] >= point.classes["car"].threshold - 1e-6).sum())
        for path, point in zip((judged, shipped), points, strict=True)
    ]
    assert 5 < counts[0] == counts[1]
    assert points[1].classes["car"].precision == points[0].classes["car"].precision


@pytest.mark.parametrize(
    ("judged", "clouds", "said"),
    [
        ("a.safetensors", "empty", "--clouds: .*holds no .npz"),
        ("a.safetensors", "clouds", r"a\.safetensors"),
    ],
)
def test_bad_input_is_refused_by_name(tmp_path, capfd, judged, clouds, said) -> None:
    for name in ("empty", "clouds"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "clouds/a.npz", points=np.zeros((1, 4), np.float32))
    paths = {"--judged": judged, "--shipped": "b.safetensors", "--clouds": clouds}
    command = [word for name, path in paths.items() for word in (name, str(tmp_path / path))]
    assert main(command) == 2
    assert re.search(said, capfd.readouterr().err)
