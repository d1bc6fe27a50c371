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


def test_events_go_to_the_stream_of_the_device_that_works(monkeypatch) -> None:
    recorded = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self, stream: str) -> None:
            recorded.append(stream)

        def query(self) -> bool:
            return True

        def elapsed_time(self, _end: "Event") -> float:
            return 2.5

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    clock = StageClock(torch.device("cuda:1"))
    clock.mark("graph")
    assert recorded == ["stream of cuda:1"] * 2
    assert clock.read_ms() == {"graph": 2.5}
