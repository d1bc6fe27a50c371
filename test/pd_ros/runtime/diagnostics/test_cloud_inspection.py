"""Why there are no boxes: one thing wrong at a time, and what is said of real clouds."""

import numpy as np
import pytest
from small_model import small_config
from street import street

from pd_ros.pointcloud.decode import AS_IT_IS, DecodeOptions
from pd_ros.pointcloud.layout import CloudField, CloudLayout
from pd_ros.pointcloud.statistics import measure_cloud
from pd_ros.pointcloud.training_statistics import SIMULATED, Expected, expected_clouds, summarise
from pd_ros.recordings.cloud_files import read_raw
from pd_ros.runtime.diagnostics.cloud_checks import verdict
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput, examine_cloud
from pd_ros.runtime.diagnostics.status import Level

RANGE_M = (-51.2, -38.4, -4.0, 51.2, 38.4, 2.0)
FIELDS = tuple(CloudField(name, 4 * i, 7) for i, name in enumerate(("x", "y", "z", "intensity")))


def good(seed: int = 0) -> np.ndarray:
    """A cloud like those of the training that ``MODEL_INPUT`` knows."""
    points = np.concatenate([street(seed=seed + i) for i in range(4)])
    points[:, 3] *= 0.6
    return points


RECORD = summarise([measure_cloud(good(seed), RANGE_M) for seed in (0, 4, 8)])
MODEL_INPUT = ModelInput(RANGE_M, ("intensity",), Expected(RECORD, True))


def examine(points, model_input=MODEL_INPUT, decoding=AS_IT_IS, z_offset_m=0.0):
    layout = CloudLayout(len(points), 1, 16, 16 * len(points), False, FIELDS)
    return examine_cloud(layout, points.astype("<f4").tobytes(), model_input, decoding, z_offset_m)


def test_a_cloud_like_the_training_has_nothing_wrong() -> None:
    findings = examine(good(99))
    assert verdict(findings) == (Level.OK, "the clouds are like those of the training")
    assert [finding.level for finding in findings] == [Level.OK] * 7


def changed(column: int, factor: float = 1.0, shift: float = 0.0) -> np.ndarray:
    points = good(99)
    points[:, column] = points[:, column] * factor + shift
    return points


WRONG = {
    "too high": (changed(2, shift=1.2), "ground height (m)", "set input.z_offset to -1.2"),
    "bright": (changed(3, factor=255), "intensity", "set input.intensity.scale to 0.00392"),
    "dim": (changed(3, factor=0.01), "intensity", "set input.intensity.scale to 1"),
    "dark": (changed(3, factor=0), "intensity", "input.intensity.mode to constant"),
    "millimetres": (
        np.concatenate([changed(i, factor=1000)[:, i : i + 1] for i in range(3)] + [good()[:, 3:]],
                       axis=1), "share in range", "metres?"),
    "one plane": (changed(2, factor=0), "height of the scene (m)", "a scan of one plane"),
    "sparse": (good(99)[::20], "points in range", "far sparser than in training"),
    "NaN": (np.concatenate((good(99), np.full((200_000, 4), np.nan))), "unusable", "echoes"),
    "zeros": (np.concatenate((good(99), np.zeros((200_000, 4)))), "unusable", "echoes"),
    "empty": (np.zeros((0, 4)), "points", "look at the sensor"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_what_to_change(case) -> None:
    points, name, advice = WRONG[case]
    level, text = verdict(examine(points))
    assert level == Level.WARN
    assert text.startswith(name)
    assert advice in text


def test_what_was_advised_helps() -> None:
    assert verdict(examine(changed(2, shift=1.2), z_offset_m=-1.2))[0] == Level.OK
    decoding = DecodeOptions(scale=1 / 255)
    assert verdict(examine(changed(3, factor=255), decoding=decoding))[0] == Level.OK
    decoding = DecodeOptions(mode="constant", constant=RECORD.intensity_median[1])
    assert verdict(examine(changed(3, factor=0), decoding=decoding))[0] == Level.OK


def test_the_advice_counts_from_what_is_set_already() -> None:
    half = DecodeOptions(scale=0.5)
    assert "scale to 0.00196" in verdict(examine(changed(3, factor=510), decoding=half))[1]
    assert "z_offset to -1.2" in verdict(examine(changed(2, shift=1.2), z_offset_m=0.5))[1]


def test_a_model_without_intensity_does_not_ask_for_it() -> None:
    findings = examine(changed(3, factor=0), MODEL_INPUT._replace(features=()))
    assert "intensity" not in [finding.name for finding in findings]
    assert verdict(findings)[0] == Level.OK


def missing_intensity(share: float) -> np.ndarray:
    points = good(99)
    points[: int(share * len(points)), 3] = np.nan
    return points


@pytest.mark.parametrize("share", [0.02, 0.6, 1.0])
def test_a_field_of_intensities_that_are_missing_is_named(share) -> None:
    points = missing_intensity(share)
    np.random.default_rng(0).shuffle(points)
    (finding,) = (found for found in examine(points) if found.name == "intensity")
    assert "field intensity: " in finding.value and "not finite, read as 0" in finding.value
    assert (finding.level is Level.WARN) == (share > 0.1)
    assert ("mode to constant" in finding.advice) == (share > 0.1)
    assert "unusable" not in verdict(examine(points))[1]  # the points are good


def test_coordinates_that_cannot_be_are_never_fine() -> None:
    """As doubles read as float32 look."""
    points = good(99)
    points[::3, 2], points[1::3, 2] = 7e19, -7e19
    findings = {finding.name: finding for finding in examine(points)}
    assert findings["height of the scene (m)"].level is Level.WARN
    assert "columns, types" in findings["height of the scene (m)"].advice
    assert "1e+" not in examine(changed(3, factor=1e30))[-1].advice
    assert "z_offset to" not in examine(changed(2, shift=900))[-2].advice


def test_what_the_header_says_wrongly_is_remarked() -> None:
    points = good(99)[: 64 * 1000]
    layout = CloudLayout(1000, 64, 16, 16, True, FIELDS)
    findings = examine_cloud(layout, points.astype("<f4").tobytes(), MODEL_INPUT, DecodeOptions())
    level, text = verdict(findings)
    assert level is Level.OK
    assert "row_step is 16, but 64 rows of 16000 bytes fill the data" in text
    assert "is_bigendian is true, but only in the other byte order" in text


def test_null_returns_of_an_organised_cloud_are_counted_and_nothing_odd() -> None:
    rows = np.zeros((128, 1600, 4), np.float32)
    points = good(99)[: 64 * 1400]
    rows[::2, :1400] = points.reshape(64, 1400, 4)
    layout = CloudLayout(1600, 128, 16, 1600 * 16, False, FIELDS)
    findings = examine_cloud(layout, rows.tobytes(), MODEL_INPUT, DecodeOptions())
    assert verdict(findings)[0] is Level.OK
    assert findings[1].value == "0% not finite, 56% at (0, 0, 0)"


@pytest.mark.parametrize(
    ("capacity", "text"),
    [
        ({"max_points": 80_000}, "more points than capacity.max_points (80000)"),
        ({"max_pillars": 9_000}, "than capacity.max_pillars (9000)"),
        ({"max_points": 96_000, "max_pillars": 10_240}, ""),
    ],
)
def test_a_capacity_that_is_full_is_named(capacity, text) -> None:
    """The street covers 80 x 76.8 m of the range with all its cells of 0.8 m."""
    grid = {"range_m": RANGE_M, "pillar_size_m": (0.8, 0.8)}
    config = small_config(grid=grid, capacity=capacity)
    model_input = ModelInput.of(config, {})._replace(expected=MODEL_INPUT.expected)
    found = {finding.name: finding for finding in examine(good(99), model_input)}[
        "room in the model"
    ]
    assert (found.level is Level.WARN) == bool(text)
    assert text in found.advice


def test_a_cloud_that_cannot_be_read_says_why() -> None:
    layout = CloudLayout(5, 1, 16, 80, False, FIELDS[:2])
    level, text = verdict(examine_cloud(layout, bytes(80), MODEL_INPUT, DecodeOptions()))
    assert level == Level.ERROR
    assert "expected x, y, z, got x, y" in text


def test_a_checkpoint_without_a_record_is_compared_with_the_simulated_sensor() -> None:
    assert expected_clouds({}) == Expected(SIMULATED, recorded=False)
    assert expected_clouds({"cloud": RECORD.model_dump()}) == Expected(RECORD, recorded=True)
    with pytest.raises(ValueError, match=r"checkpoint \(training.cloud\): sweeps"):
        expected_clouds({"cloud": {**RECORD.model_dump(), "sweeps": "many"}})
    assert summarise([measure_cloud(np.zeros((0, 4), np.float32), RANGE_M)]) is None


REAL = {
    "kitti_object/training/velodyne/000010.bin": (Level.OK, "the clouds are like"),
    "kitti_raw_0005/velodyne/0000000140.bin": (Level.OK, "the clouds are like"),
    "corpus/other_sensors/nuscenes_n015_1532402927647951.npz": (Level.OK, "sparser than in"),
    "corpus/other_sensors/av2_7fab2350_315966265259836000.npz": (
        Level.WARN,
        "input.z_offset to -1",
    ),
    "other_sensors/velodyne_vlp16_lab_1673400472138016708.pcd": (Level.OK, "sparser than in"),
}


@pytest.mark.parametrize("name", REAL, ids=lambda name: name.split("/")[-1][:8])
def test_real_clouds_against_the_simulated_sensor(data_dir, name) -> None:
    level, text = REAL[name]
    layout, data, *_ = read_raw(data_dir / name)
    model_input = MODEL_INPUT._replace(expected=expected_clouds({}))
    found = verdict(examine_cloud(layout, data, model_input, DecodeOptions()))
    assert found[0] == level
    assert text in found[1]


def test_shares_do_not_depend_on_which_laser_or_return_comes_when() -> None:
    """Every second, third or 32nd slot of a large cloud is bad: as many are said to be."""
    rows = np.concatenate([good(seed) for seed in range(0, 60, 4)])[:240_000]
    for period in (2, 3, 6, 32):
        for first in (0, 1):
            points = rows.copy()
            points[first::period, :3] = 0
            text = str(examine(points))
            share = 100 / period
            wrong = examine(points)
            content = measure_cloud(points, RANGE_M)
            assert content.at_origin == pytest.approx(share / 100, abs=1e-3)
            ranged = next(each for each in wrong if each.name == "points in range")
            assert float(ranged.text.split()[0]) == pytest.approx(
                content.points_in_range, rel=0.03
            )
            assert "are usable" not in text


@pytest.mark.parametrize("wrong", [{"height": 0}, {"width": 0}])
def test_points_that_the_header_does_not_count_are_no_empty_cloud(wrong) -> None:
    points = good(99)
    layout = CloudLayout(len(points), 1, 16, 16 * len(points), False, FIELDS)
    data = points.astype("<f4").tobytes()
    (finding,) = examine_cloud(layout._replace(**wrong), data, MODEL_INPUT, AS_IT_IS)
    assert (finding.name, finding.level) == ("layout", Level.ERROR)
    assert f"expected those of {len(data)} bytes of data" in finding.value
    assert "correct the header" in finding.value
    assert "sensor" not in finding.text
