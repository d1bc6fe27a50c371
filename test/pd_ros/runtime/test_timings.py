from pd_ros.runtime.statistics import Percentiles, Timings


def test_percentiles_of_the_last_ten_seconds() -> None:
    timings = Timings()
    timings.add({"a": 1000.0}, now_s=0.0)
    for value in range(101):
        timings.add({"a": float(value), "b": 2.0}, now_s=5.0)
    assert timings.read(now_s=11.0) == {
        "a": Percentiles(50, 95, 100),
        "b": Percentiles(2, 2, 2),
    }
    assert timings.read(now_s=15.5) == {}
