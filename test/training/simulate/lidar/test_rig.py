"""Sensor and rig files by name and path; clouds of rigs, and of sensors that are tilted."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_sensor import spinning

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import Material, Mesh, block
from training.simulate.lidar.observe import Mount, SimulatedFrame, observe
from training.simulate.lidar.rig import PlacedSensor, Rig, rotation
from training.simulate.lidar.sensor_files import load_rig, load_sensor, rig_names, sensor_names
from training.simulate.lidar.sweep import Pose
from training.simulate.world.actors import STANDING, Actor
from training.simulate.world.street import Street

MINE = """title: mine
scan: {elevations_deg: [-10.0, 0.0, 10.0], firings_per_turn: 360}
range_m: [0.5, 100.0]
range_noise_m: 0.0
"""
EXACT = spinning(np.linspace(-30.0, 10.0, 41).tolist(), 720, range_noise_m=0.0)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_all_names_load() -> None:
    assert {"hdl64e", "hdl32e", "vlp16", "vls128", "os1_64", "mid360"} <= set(sensor_names())
    for name in [*sensor_names(), *rig_names()]:
        assert load_rig(name).title


def test_a_file_of_ones_own_is_a_rig_of_one(tmp_path) -> None:
    rig = load_rig(write(tmp_path / "mine.yaml", MINE))
    assert rig.is_single and rig.title == "mine" and rig.rate_hz == 10.0
    assert rig.sensors[0].sensor.scan.rings == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vlp-16", "unknown sensor 'vlp-16': did you mean vlp16? expected one of avia, beams128"),
        ("VLP16", "did you mean vlp16?"),
        ("sonar", "unknown sensor 'sonar': expected one of"),
        ("no/such.yaml", "no/such.yaml: cannot be read"),
    ],
)
def test_names_that_are_not_known_are_refused_with_the_nearest(name, message) -> None:
    with pytest.raises(ValueError, match=r"sensor|read") as error:
        load_rig(name)
    assert message in str(error.value)


def test_a_rig_file_names_sensors_and_files_beside_it(tmp_path) -> None:
    write(tmp_path / "mine.yaml", MINE)
    path = write(tmp_path / "rig.yaml", """title: two
sensors:
  - {sensor: vlp16, position_m: [1.0, 0.0, 1.8]}
  - {sensor: ./mine.yaml, position_m: [-1.0, 0.0, 1.0], yaw_deg: 180.0, blind_deg: [[90, 270]]}
""")  # fmt: skip
    rig = load_rig(path)
    assert not rig.is_single
    assert [placed.sensor.title for placed in rig.sensors] == ["Velodyne VLP-16", "mine"]
    assert rig.sensors[1].sensor.blind_deg == ((90.0, 270.0),)
    assert rig.at_rate(20.0).rate_hz == 20.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: a\nsensors: []\n", "sensors: Tuple should have at least 1 item"),
        ("title: a\nsensors: [{sensor: vlp17}]\n", "did you mean vlp16?"),
        ("title: a\nsensors: [{sensor: vlp16, pitch: 3}]\n", "sensors.0.pitch: unknown key"),
        ("title: a\nsensors: [{sensor: vlp16, position_m: [99, 0, 0]}]\n", "less than or equal"),
        ("title: a\nsensors: [{sensor: vlp16}, {sensor: ./mine.yaml}]\n", "got 10, 20 Hz"),
    ],
)  # fmt: skip
def test_bad_rig_files_are_refused(tmp_path, text, message) -> None:
    write(tmp_path / "mine.yaml", MINE + "rate_hz: 20.0\n")
    path = write(tmp_path / "rig.yaml", text)
    with pytest.raises(ValueError, match=r"rig\.yaml: ") as error:
        load_rig(path)
    assert message in str(error.value)


def test_pitch_looks_down_roll_lowers_the_right_and_yaw_turns_left() -> None:
    ahead, left = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    assert (rotation(0, 10, 0) @ ahead)[2] == pytest.approx(-np.sin(np.radians(10)))
    assert (rotation(0, 0, 10) @ left)[2] == pytest.approx(np.sin(np.radians(10)))
    np.testing.assert_allclose(rotation(90, 0, 0) @ ahead, left, atol=1e-12)


@given(st.floats(-3, 3), st.floats(-30, 30), st.floats(-30, 30))
def test_to_the_street_and_back_is_where_it_was(yaw, pitch, roll) -> None:
    pose = Pose(yaw, pitch, roll)
    vectors = np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 0.5]])
    np.testing.assert_allclose(pose.to_rig(pose.to_street(vectors)), vectors, atol=1e-12)


def look(
    flat, rig: Rig, height: float = 2.0, screen: Mesh | None = None, **tilt: float
) -> SimulatedFrame:
    """A brick car 20 m ahead, seen by a rig, maybe through a screen 10 m ahead."""
    nothing = Mesh(np.zeros((0, 3, 3)), np.zeros(0, dtype=np.int64))
    car = Body(block((-2, 2), (-1, 1), (0, 1.5), Material.BRICK), 4.0, 2.0, 1.5)
    actor = Actor("car", car, 20.0, 0.0, 0.0, STANDING, 0.5, 7)
    ego = Actor("ego", Body(nothing, 4.8, 1.8, 1.5), 0.0, 0.0, 0.0, STANDING, 0.5)
    mount = Mount(height, False, **tilt)
    actors = [actor]
    if screen is not None:
        body = Body(screen, 0.2, 6.0, 3.0)
        actors.append(Actor("truck", body, 10.0, 0.0, 0.0, STANDING, 0.5, 8))
    street = Street(flat, ego, tuple(actors), ())
    return observe(street, mount, 0.0, rig, np.random.default_rng(0))


def plane_fit(points: np.ndarray) -> np.ndarray:
    """Upward normal of the road ahead."""
    road = points[(np.abs(points[:, 1]) < 2) & (points[:, 0] > 6) & (points[:, 0] < 14), :3]
    assert len(road) > 50
    normal = np.linalg.svd(road - road.mean(axis=0))[2][2]
    return normal * np.sign(normal[2])


def test_a_sensor_that_looks_down_sees_the_road_rise(flat) -> None:
    sweep = look(flat, Rig.of(EXACT), pitch_deg=5.0)
    normal = plane_fit(sweep.points.astype(float))
    assert np.degrees(np.arctan2(-normal[0], normal[2])) == pytest.approx(5.0, abs=0.5)
    # its centre is 20 m ahead and 1.25 m below the sensor, in axes that look down by 5 degrees
    cos, sin = np.cos(np.radians(5)), np.sin(np.radians(5))
    expected = [20 * cos + 1.25 * sin, 0, 20 * sin - 1.25 * cos, 4, 2, 1.5, 0]
    np.testing.assert_allclose(sweep.boxes[0], expected, atol=1e-5)
    # boxes stay upright in the sensor's frame, so that half of the car's back leans out of it
    level = look(flat, Rig.of(EXACT))
    assert 0.3 * level.num_points[0] < sweep.num_points[0] < level.num_points[0]


def test_a_rolled_sensor_keeps_boxes_at_their_place(flat) -> None:
    sweep = look(flat, Rig.of(EXACT), roll_deg=10.0)
    normal = plane_fit(sweep.points.astype(float))
    assert np.degrees(np.arctan2(normal[1], normal[2])) == pytest.approx(10.0, abs=1.0)
    drop = 1.25
    expected = [20, -drop * np.sin(np.radians(10)), -drop * np.cos(np.radians(10)), 4, 2, 1.5, 0]
    np.testing.assert_allclose(sweep.boxes[0], expected, atol=1e-5)


def test_a_rig_gives_one_cloud_in_its_frame_whatever_way_its_sensors_look(flat) -> None:
    ahead = PlacedSensor(EXACT, (1.0, 0.0, 0.2))
    turned = PlacedSensor(EXACT, (1.0, 0.5, -0.3), 90.0, 10.0, 5.0)
    both = look(flat, Rig("two", (ahead, turned)))
    single = look(flat, Rig("one", (ahead,)))
    for sweep in (both, single):
        np.testing.assert_allclose(sweep.boxes, [[20, 0, 0.75 - 2, 4, 2, 1.5, 0]], atol=1e-6)
    assert len(both.points) > 1.5 * len(single.points)
    assert both.ring.max() == 81 and single.ring.max() <= 40
    for first, last in ((0, 40), (41, 81)):  # either sees the road where it is, and the car's back
        own = both.points[(both.ring >= first) & (both.ring <= last)].astype(float)
        np.testing.assert_allclose(plane_fit(own), [0, 0, 1], atol=0.02)
        beside = (np.abs(own[:, 1]) < 0.9) & (own[:, 2] > -1.5)
        back = own[beside & (np.abs(own[:, 0] - 18) < 0.3)]
        assert len(back) > 5
        np.testing.assert_allclose(back[:, 0], 18, atol=0.002)


def test_an_upside_down_sensor_sees_the_same_world(flat) -> None:
    placed = PlacedSensor(EXACT, roll_deg=180.0)
    assert not Rig("upside down", (placed,)).is_single
    sweep = look(flat, Rig("upside down", (placed,)), height=1.0)
    road = np.abs(sweep.points[:, 1]) < 2
    np.testing.assert_allclose(np.median(sweep.points[road, 2]), -1.0, atol=0.05)
    np.testing.assert_allclose(sweep.boxes[0, :3], [20, 0, -0.25], atol=1e-6)


@pytest.mark.parametrize(("height", "up"), [(0.1, 0.0), (7.0, 0.0), (1.0, -0.9)])
def test_sensors_in_the_ground_or_in_the_sky_are_refused(flat, height, up) -> None:
    rig = Rig("odd", (PlacedSensor(EXACT, (0.0, 0.0, up)),))
    with pytest.raises(ValueError, match=r"\(odd\): expected a height of 0\.2 to 6 m above"):
        look(flat, rig, height)


def test_a_second_return_comes_from_behind_leaves_and_glass(flat) -> None:
    twice = Rig.of(EXACT.model_copy(update={"returns": 2}))
    one, two = look(flat, Rig.of(EXACT)), look(flat, twice)
    np.testing.assert_array_equal(one.points, two.points)  # bricks and roads let nothing through
    hedge = block((-0.01, 0.01), (-3, 3), (0, 3), Material.LEAF)  # thinner than it is passed by
    once, again = (look(flat, rig, screen=hedge) for rig in (Rig.of(EXACT), twice))
    behind = [
        (sweep.points[:, 0] > 11) & (np.abs(sweep.points[:, 1]) < 1.5)
        & (np.abs(np.arctan2(sweep.points[:, 2], sweep.points[:, 0])) < 0.1)
        for sweep in (once, again)
    ]  # fmt: skip
    assert behind[0].sum() == 0
    assert behind[1].sum() > 20
    assert len(again.points) > len(once.points)


def test_hidden_directions_of_a_rig_are_blind(flat) -> None:
    sensor = EXACT.model_copy(update={"blind_deg": ((-20.0, 20.0),)})
    assert look(flat, Rig.of(sensor)).labels == ()
    assert load_sensor("hdl64e").blind_deg == ()
