"""Which ends of a node are followed by another start."""

import pytest
from pd_ros_launch.respawn import Respawn


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127])
def test_an_end_that_would_come_again_is_final(code) -> None:
    assert f"exit code {code}: " in Respawn(5).why_not(code)


@pytest.mark.parametrize("code", [70, -9, -11, 134, 3])
def test_others_are_followed_by_a_start_up_to_the_limit(code) -> None:
    policy = Respawn(3, Clock())
    assert [policy.why_not(code) for _ in range(3)] == ["", "", ""]
    assert policy.why_not(code) == f"exit code {code}, and 3 starts in a row did not help"


def test_a_node_that_ran_for_a_minute_has_all_its_starts_again() -> None:
    clock = Clock()
    policy = Respawn(1, clock)
    clock.now_s += 10
    assert policy.why_not(-11) == ""
    clock.now_s += 3600
    assert policy.why_not(-11) == ""
    clock.now_s += 59
    assert "1 starts in a row" in policy.why_not(-11)
