from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from training.simulate.drive import simulate_drive
from training.simulate.world.actors import boxes_at
from training.simulate.world.street import make_street

SEED, SECONDS = 5, 1.2  # of the fixture
TOP_SPEED_M_S = 25.0


def ego_poses():
    """x, y, yaw of the ego vehicle at each sweep, from the street that the seed gives."""
    street = make_street(np.random.default_rng(SEED), SECONDS)
    times = np.arange(12) / 10
    return street, [boxes_at([street.ego], street.terrain, t)[0, [0, 1, 6]] for t in times]


def to_world(boxes, pose):
    x, y, yaw = pose
    cos, sin = np.cos(yaw), np.sin(yaw)
    placed = boxes.astype(float)
    placed[:, :2] = boxes[:, :2] @ np.array([[cos, sin], [-sin, cos]]) + [x, y]
    placed[:, 6] += yaw
    return placed


@pytest.fixture(scope="module")
def tracks(drive):
    """World boxes by track id: ``{id: [(sweep, box, label)]}``."""
    _, poses = ego_poses()
    found = defaultdict(list)
    for i, (frame, pose) in enumerate(zip(drive, poses, strict=True)):
        placed = to_world(frame.boxes, pose)
        for track, box, label in zip(frame.track_id.tolist(), placed, frame.labels, strict=True):
            found[track].append((i, box, label))
    return found


def test_stamps_are_a_tenth_of_a_second_apart(drive) -> None:
    stamps = [frame.stamp_ns for frame in drive]
    assert len(stamps) == 12
    assert np.diff(stamps).tolist() == [100_000_000] * 11
    assert stamps[0] == 1_700_000_000_000_000_000


def test_the_rate_sets_the_stamps(coarse) -> None:
    frames = list(simulate_drive(SEED, coarse, 0.2, rate_hz=20))
    assert [f.stamp_ns % 10**9 for f in frames] == [0, 50_000_000, 100_000_000, 150_000_000]


def test_ids_are_unique_in_a_sweep_and_many_are_seen_for_long(drive, tracks) -> None:
    for frame in drive:
        assert len(set(frame.track_id.tolist())) == len(frame.track_id) > 0
    assert sum(len(track) == len(drive) for track in tracks.values()) >= 10


def test_a_track_keeps_its_size_and_its_label(tracks) -> None:
    for track in tracks.values():
        sizes = np.array([box[3:6] for _, box, _ in track])
        assert (sizes == sizes[0]).all()
        assert len({label for _, _, label in track}) == 1


def test_tracks_move_as_their_actors_do(tracks) -> None:
    """Also those that stand: the ego vehicle's motion is taken out exactly."""
    street, _ = ego_poses()
    actors = {actor.track_id: actor for actor in street.actors}
    standing = moving = 0
    for number, track in tracks.items():
        actor = actors[number]
        for (i, before, _), (j, after, _) in pairwise(track):
            way = np.hypot(*(after - before)[:2])
            gone = actor.pace.way_m(j / 10) - actor.pace.way_m(i / 10)
            # On a bend the way is longer than in street coordinates, by at most 7 %, or, for
            # who crosses the street at an angle, shorter.
            assert 0.93 * gone - 1e-3 < way < 1.07 * gone + 1e-3
            assert way / (j - i) * 10 < TOP_SPEED_M_S
            turn = (after[6] - before[6] + np.pi) % (2 * np.pi) - np.pi
            assert abs(turn) < 0.1
            standing, moving = standing + (gone == 0), moving + (gone > 0.1)
    assert standing > 20 and moving > 20


def test_the_ego_vehicle_drives(drive) -> None:
    _, poses = ego_poses()
    steps = np.hypot(*np.diff(np.array(poses)[:, :2], axis=0).T)
    assert (steps > 0.1).all() and (steps < 2).all()


def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(coarse, drive) -> None:
    again = list(simulate_drive(SEED, coarse, SECONDS))
    for first, second in zip(drive, again, strict=True):
        for a, b in zip(first, second, strict=True):
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
            else:
                assert a == b
    other = next(simulate_drive(SEED + 1, coarse, SECONDS))
    assert drive[0].points.tobytes() != other.points.tobytes()


@pytest.mark.parametrize(("seconds", "rate_hz"), [(0, 10), (-1, 10), (1, 0), (1, -5)])
def test_no_time_and_no_rate_are_refused(coarse, seconds, rate_hz) -> None:
    with pytest.raises(ValueError, match="expected a duration of at least one sweep, got"):
        next(simulate_drive(0, coarse, seconds, rate_hz))
