import torch

from pd_ros.detection.device import StageClock


def test_stages_in_their_order() -> None:
    clock = StageClock(torch.device("cpu"))
    assert clock.read_ms() == {}
    clock.mark("a")
    clock.mark("b")
    taken = clock.read_ms()
    assert list(taken) == ["a", "b"]
    assert all(value >= 0 for value in taken.values())
