"""Real sweeps beside simulated ones: measures by hand, and the command."""

import json

import numpy as np
import pytest
from small_recording import cloud_points, drive, write_bins, write_clouds
from small_sensor import small_rig, spinning

from training.simulate.__main__ import main
from training.simulate.compare import (
    CloudPlace,
    fired,
    format_comparison,
    measure,
    real_sweeps,
)
from training.simulate.frames import simulate_frame
from training.simulate.lidar.rig import PlacedSensor, Rig
from training.simulate.lidar.sensor_files import load_rig


def cloud(*points: tuple[float, float, float]) -> np.ndarray:
    return np.column_stack((np.array(points, float), np.full(len(points), 0.5)))


def test_pulses_are_counted_by_beam() -> None:
    pulses = fired(small_rig([-10.0, 0.0, 4.0], 90))
    np.testing.assert_allclose(pulses.edges_deg, [-11, -5, 2, 5])
    assert pulses.counts.tolist() == [90, 90, 90]


def test_pulses_of_a_rig_are_counted_by_elevation_from_its_middle() -> None:
    sensor = spinning([-10.0, 0.5], 90)
    sensors = (PlacedSensor(sensor, (1, 0, 2)), PlacedSensor(sensor, (1, 0, 1), roll_deg=180.0))
    pulses = fired(Rig("two", sensors))
    assert pulses.counts.sum() == 4 * 90
    assert (pulses.edges_deg[0], pulses.edges_deg[-1]) == (-10, 12)
    np.testing.assert_allclose(pulses.centre_m, [1, 0, 1.5])


def test_a_sweep_by_hand() -> None:
    pulses = fired(small_rig([-10.0, 0.0, 4.0], 4))
    # level ones 20 and 7 m away, one 10 degrees down, and two that do not count: near and far
    down = np.array([np.cos(np.radians(10)), 0, -np.sin(np.radians(10))]) * 12
    points = cloud((20, 0, 0), (0, 7, 0), tuple(down), (1, 0, 0), (80, 0, 0))
    one = measure([points], pulses)
    assert (one.sweeps, one.points, one.returned) == (1, 3, 3 / 12)
    assert one.by_beam.tolist() == [0.25, 0.5, 0.0]
    assert one.by_range.tolist() == [0, 1, 1, 0, 1, 0, 0, 0, 0]
    assert one.empty == pytest.approx(1 - 2 / 1800)  # 180 directions, 10 rings of 2 m
    assert one.intensity == pytest.approx(0.5)
    table = format_comparison(one, one, pulses)
    assert "| points | 3 | 3 |" in table
    assert "| points 5 to 10 m away | 1 | 1 |" in table


def test_a_place_brings_real_points_into_the_sensors_frame() -> None:
    place = CloudPlace(1.0, 2.0, 3.0, yaw_deg=90.0)
    np.testing.assert_allclose(place.to_sensor(cloud((1, 5, 4)))[0], [3, 0, 1, 0.5], atol=1e-12)
    down = CloudPlace(pitch_deg=10.0).to_sensor(cloud((10, 0, 0)))[0]
    assert np.degrees(np.arcsin(down[2] / 10)) == pytest.approx(10.0)


def test_sweeps_of_the_same_kind_measure_the_same(tmp_path, capsys) -> None:
    """A folder of what the command itself would simulate: both columns are equal."""
    sensor = tmp_path / "mine.yaml"
    sensor.write_text(
        "title: mine\nscan: {elevations_deg: [-15, -8, -4, -1, 2], firings_per_turn: 180}\n"
        "range_m: [1, 100]\nrange_noise_m: 0.02\n"
    )
    folder = tmp_path / "real"
    folder.mkdir()
    for number in range(2):
        points = simulate_frame(1_000_000 + number, load_rig(str(sensor))).points
        points.astype(np.float32).tofile(folder / f"{number}.bin")
    out, figures = tmp_path / "out" / "compare.png", tmp_path / "out" / "compare.json"
    arguments = ["compare", "--real", str(folder), "--sensor", str(sensor), "--frames", "2"]
    assert main([*arguments, "--out", str(out), "--json", str(figures)]) == 0
    rows = [line.split("|")[2:4] for line in capsys.readouterr().out.splitlines()[2:]]
    assert len(rows) > 15
    assert all(real.strip() == simulated.strip() for real, simulated in rows)
    assert out.read_bytes()[:4] == b"\x89PNG"
    content = json.loads(figures.read_text())
    assert content["real"] == content["simulated"]
    assert len(content["edges_deg"]) == 6


def test_sweeps_of_a_recording_are_those_of_its_clouds_as_files(tmp_path) -> None:
    bag = write_clouds(tmp_path / "drive", drive(4))  # clouds of the seeds 0 to 3
    files = write_bins(tmp_path / "files", "0", "1", "2", "3")
    place = CloudPlace(z_m=1.0)
    recorded, filed = (real_sweeps(path, None, place, 2) for path in (bag, files))
    assert len(recorded) == len(filed) == 2
    for number, one, other in zip((0, 2), recorded, filed, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one[:, 2] + 1.0, cloud_points(seed=number)[:, 2], atol=1e-6)
    with pytest.raises(ValueError, match="/absent"):
        real_sweeps(bag, "/absent", place, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--frames", "0"], "--frames: expected 1 or more, got 0"), ([], "expected clouds (*.bin,")],
)
def test_no_frames_and_no_clouds_are_refused(tmp_path, caplog, arguments, message) -> None:
    command = ["compare", "--real", str(tmp_path), "--out", str(tmp_path / "a.png"), *arguments]
    assert main(command) == 2
    assert message in caplog.text
