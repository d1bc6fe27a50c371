import torch

from pd_ros.detection.stage_clock import StageClock


def test_stages_in_their_order_and_anew_with_each_call() -> None:
    clock = StageClock(torch.device("cpu"))
    assert clock.read_ms() == {}
    for _ in range(2):
        clock.start()
        clock.mark("a")
        clock.mark("b")
        taken = clock.read_ms()
        assert list(taken) == ["a", "b"]
        assert all(value >= 0 for value in taken.values())
    clock.start()
    assert clock.read_ms() == {}
