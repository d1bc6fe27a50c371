import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import Material, Mesh
from training.simulate.world.actors import STANDING, Actor, Pace, boxes_at
from training.simulate.world.clearance import clear_actors, clear_of_actors, touch
from training.simulate.world.street import make_street
from training.simulate.world.terrain import make_terrain
from training.simulate.world.traffic import lane_centres

SECONDS = 1.5
NOTHING = Mesh(np.zeros((0, 3, 3)), np.zeros(0, dtype=np.int64))


def actor(s=0.0, t=0.0, heading=0.0, pace=STANDING, size=(4.0, 2.0, 1.5), label="car"):
    return Actor(label, Body(NOTHING, *size), s, t, heading, pace, 0.5)


@pytest.fixture(scope="module")
def streets():
    return [make_street(np.random.default_rng(seed), SECONDS) for seed in range(6)]


def polygons(boxes):
    """Outlines by an independent library."""
    return [
        shapely.affinity.translate(
            shapely.affinity.rotate(
                shapely.box(-length / 2, -width / 2, length / 2, width / 2),
                yaw, origin=(0, 0), use_radians=True,
            ), x, y,
        )
        for x, y, _, length, width, _, yaw in boxes
    ]  # fmt: skip


def overlaps(a, b):
    """Pairs of outlines that share more than a square centimetre."""
    pairs = shapely.STRtree(a).query(b, predicate="intersects").T
    return [(j, i) for i, j in pairs if a[j].intersection(b[i]).area > 1e-4]


def test_nobody_stands_in_or_drives_through_anybody(streets) -> None:
    for street in streets:
        for time_s in np.arange(0, SECONDS + 0.01, 0.1):
            outlines = polygons(boxes_at([street.ego, *street.actors], street.terrain, time_s))
            same = [(i, i) for i in range(len(outlines))]
            assert sorted(overlaps(outlines, outlines)) == same


def test_nothing_fixed_stands_in_anybodys_way(streets) -> None:
    for street in streets:
        fixed = polygons(fixture.footprint for fixture in street.fixtures)
        for time_s in np.arange(0, SECONDS + 0.01, 0.3):
            boxes = boxes_at([street.ego, *street.actors], street.terrain, time_s)
            assert overlaps(fixed, polygons(boxes)) == []


def test_streets_are_full_of_all_kinds(streets) -> None:
    labels = {actor.label for street in streets for actor in street.actors}
    unmanned = {"bicycle", "motorcycle", "trailer"}
    assert labels == {"car", "van", "truck", "bus", "pedestrian", "cyclist"} | unmanned
    assert min(len(street.actors) for street in streets) > 20
    assert min(len(street.fixtures) for street in streets) > 30
    for street in streets:
        assert [actor.track_id for actor in street.actors] == list(range(len(street.actors)))
    moving = [a.pace.mean_m_s > 0 for street in streets for a in street.actors]
    assert 0.1 < np.mean(moving) < 0.9


def test_everybody_stands_on_the_ground(streets) -> None:
    for street in streets:
        boxes = boxes_at(street.actors, street.terrain, 1.0)
        s, t = np.array([actor.at(1.0) for actor in street.actors]).T
        ground = street.terrain.height(s, t)
        np.testing.assert_allclose(boxes[:, 2] - boxes[:, 5] / 2, ground, atol=1e-9)


def test_traffic_keeps_to_the_right_and_moves_where_it_looks(streets) -> None:
    for street in streets:
        lanes = [a for a in street.actors if abs(a.t) < street.terrain.half_width_m - 1]
        driving = [a for a in lanes if a.label in ("car", "van", "truck", "bus")]
        driving = [a for a in driving if a.pace.mean_m_s > 0 and a.heading in (0.0, np.pi)]
        assert all((a.heading == 0) == (a.t < 0) for a in driving)
        before, after = (boxes_at(driving, street.terrain, t) for t in (0.5, 0.51))
        way = after - before
        course = np.arctan2(way[:, 1], way[:, 0]) - before[:, 6]
        assert np.abs(np.sin(course)).max(initial=0) < math.sin(math.radians(0.5))
        assert (np.cos(course) > 0).all()


@given(st.floats(0.5, 15), st.floats(0, 0.6), st.floats(5, 20), st.floats(0, 7), st.floats(0, 60))
def test_way_is_the_integral_of_a_speed_that_is_never_negative(mean, swing, period, phase, end):
    pace = Pace(mean, swing, period, phase)
    times = np.linspace(0, end, 2001)
    speeds = [pace.speed_m_s(t) for t in times]
    assert min(speeds) > 0
    assert pace.way_m(end) == pytest.approx(np.trapezoid(speeds, times), rel=1e-3, abs=1e-9)


def test_no_actors_give_no_boxes(flat) -> None:
    assert boxes_at([], flat, 0.0).shape == (0, 7)


def test_boxes_by_hand(flat) -> None:
    mover = actor(s=10, t=-1, heading=np.pi / 2, pace=Pace(2.0))
    box = boxes_at([mover], flat, 2.5)[0]
    # Up by half of its height; the lanes fall by 2 % of 3 m, the parking strip is level with them.
    np.testing.assert_allclose(box, [10, 4, 0.75 - 0.06, 4, 2, 1.5, np.pi / 2], atol=1e-12)
    np.testing.assert_allclose(boxes_at([mover], flat, 4.0)[0, 2], 0.75 - 0.06 + 0.12)


def test_boxes_touch_at_a_hands_width(flat) -> None:
    here = boxes_at([actor()], flat, 0.0)
    gaps = (0.15, 0.25)
    beside = boxes_at([actor(t=2 + gap) for gap in gaps], flat, 0.0)
    ahead = boxes_at([actor(s=4 + gap) for gap in gaps], flat, 0.0)
    assert touch(here, beside).tolist() == touch(here, ahead).tolist() == [[True, False]]
    assert touch(here, np.zeros((0, 7))).shape == (1, 0)


def test_who_comes_first_stays_when_ways_cross(flat) -> None:
    first, parked, far = actor(pace=Pace(10.0)), actor(s=10.0), actor(s=10.0, t=5.0)
    assert clear_actors([first, parked, far], flat, [0.0]) == [first, parked, far]
    assert clear_actors([first, parked, far], flat, [0.0, 1.0]) == [first, far]
    assert clear_actors([parked, first, far], flat, [0.0, 1.0]) == [parked, far]
    footprints = boxes_at([parked, far], flat, 0.0)
    assert clear_of_actors(footprints, [first], flat, [0.0, 1.0]).tolist() == [False, True]


def test_terrain_by_hand(flat) -> None:
    s = np.zeros(4)
    # The crown, the road's edge, the parking strip (on the left only), the pavement.
    height = flat.height(s, np.array([0.0, -2.0, 4.0, -4.0]))
    np.testing.assert_allclose(height, [0, -0.04, -0.06, 0.12 - 0.06], atol=1e-12)
    on_crossing = flat.height(np.array([500.0]), np.array([-30.0]))
    np.testing.assert_allclose(on_crossing, -0.06)
    assert flat.from_side_street(np.array([490.0, 500.0])).tolist() == [7.0, -3.0]
    bent = replace(flat, bend_m=5.0)
    assert bent.bend(np.array(50.0)) == pytest.approx(5.0)
    assert bent.heading(np.array(50.0)) == pytest.approx(0.0)
    assert bent.heading(np.array(0.0)) == pytest.approx(math.atan(5 * 2 * math.pi / 200))
    assert lane_centres(flat) == [-1.5, 1.5]
    assert lane_centres(replace(flat, half_width_m=8.0)) == [-6, -2, 2, 6]


def test_the_ground_mesh_is_the_terrain_and_is_not_flat() -> None:
    spans = []
    for seed in range(8):
        terrain = make_terrain(np.random.default_rng(seed), -85.0, 85.0)
        ground = terrain.mesh(20.0, -2.0)
        corners = ground.triangles.reshape(-1, 3)
        s, t = corners[:, 0], corners[:, 1] - terrain.bend(corners[:, 0])
        np.testing.assert_allclose(corners[:, 2], terrain.height(s, t), atol=1e-9)
        assert s.min() < 20 - 85 and s.max() > 20 + 85 and t.min() < -87 and t.max() > 83
        on_road = np.abs(t) < terrain.half_width_m
        spans.append(np.ptp(corners[on_road, 2]))
        kinds = set(ground.material.tolist())
        assert {Material.ROAD, terrain.verge, Material.MARKING, terrain.land} <= kinds
        triangles = ground.triangles
        across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        assert (across[:, 2] > 0).all()  # no fold, no hole: seen from above all face up
    assert np.median(spans) > 0.5


def test_banks_rise_beside_the_pavement_and_side_streets_cut_them(flat) -> None:
    raised = replace(flat, bank_m=(-1.0, 2.0))
    edges = np.array([-5.0, 7.0])  # outer edges of the pavements
    beyond = np.array([0.0, 0.5, 1.75, 3.0, 9.0])
    places = edges[:, None] + np.array([[-1.0], [1.0]]) * beyond
    gained = raised.height(np.zeros(5), places) - flat.height(np.zeros(5), places)
    np.testing.assert_allclose(gained, [[0, 0, -0.5, -1, -1], [0, 0, 1, 2, 2]], atol=1e-12)
    on_crossing = np.full(5, 500.0)
    np.testing.assert_array_equal(
        raised.height(on_crossing, places), flat.height(on_crossing, places)
    )


def test_ground_near_the_vehicle_stays_as_the_vehicle_rolls() -> None:
    terrain = make_terrain(np.random.default_rng(3), -85.0, 85.0)
    first, second = (terrain.mesh(s, -2.0).triangles for s in (0.0, 5.0))
    np.testing.assert_array_equal(first, second)


def test_streets_are_equal_for_equal_seeds() -> None:
    one, same, other = (make_street(np.random.default_rng(seed)) for seed in (1, 1, 2))
    boxes = [boxes_at(street.actors, street.terrain, 0.0) for street in (one, same, other)]
    np.testing.assert_array_equal(boxes[0], boxes[1])
    assert boxes[0].shape != boxes[2].shape or (boxes[0] != boxes[2]).any()
