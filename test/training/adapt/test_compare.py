"""What an adaptation says where it has made a class worse."""

from pd_ros.evaluation.lidar import ClassScores
from pd_ros.evaluation.operating.scores import ALL_RANGES
from training.adapt.compare import Judged, fallen_classes
from training.adapt.finish import fall_note
from training.adapt.request import Amounts

AMOUNTS = Amounts(frames=24, held_back=8, steps=100)


def judged(**average_precision: float) -> Judged:
    """A student with these APs, in percent."""
    loose = {
        name: {ALL_RANGES: ClassScores(0.5, 40, value, value, 0.5, 0.5, 0.5, 20, 20, 1.0)}
        for name, value in average_precision.items()
    }
    return Judged("student", loose, {})


def test_classes_of_lower_average_precision_are_named() -> None:
    before = judged(car=80.0, pedestrian=60.0, cyclist=0.0)
    after = judged(car=79.9, pedestrian=60.0, cyclist=12.0)
    assert fallen_classes(before, after) == ["car"]
    note = fall_note(["car"], AMOUNTS)["note"]
    assert note.startswith("AP of car is lower than as shipped: 24 scenes and 100 steps")
    assert "--minutes" in note


def test_nothing_is_said_where_nothing_has_fallen() -> None:
    same = judged(car=80.0)
    assert fallen_classes(same, same) == []
    assert fall_note([], AMOUNTS) == {}
