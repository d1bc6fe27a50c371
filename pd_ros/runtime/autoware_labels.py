"""What Autoware calls the classes of a model: labels of ``ObjectClassification``."""

from collections.abc import Sequence
from enum import IntEnum


class Label(IntEnum):
    """The constants of ``autoware_perception_msgs/ObjectClassification``."""

    UNKNOWN = 0
    CAR = 1
    TRUCK = 2
    BUS = 3
    TRAILER = 4
    MOTORCYCLE = 5
    BICYCLE = 6
    PEDESTRIAN = 7
    ANIMAL = 8
    HAZARD = 9
    OVER_DRIVABLE = 10
    UNDER_DRIVABLE = 11


# Names that data sets have for them, beside Autoware's own.
_OTHER_NAMES = {
    "van": Label.CAR,
    "vehicle": Label.CAR,
    "construction_vehicle": Label.TRUCK,
    "motorbike": Label.MOTORCYCLE,
    "motorcyclist": Label.MOTORCYCLE,
    "cyclist": Label.BICYCLE,
    "bicyclist": Label.BICYCLE,
    "person": Label.PEDESTRIAN,
    "person_sitting": Label.PEDESTRIAN,
}


def label_of(name: str) -> Label:
    """Return the label of a class by its name in any case; ``UNKNOWN`` of one that is none."""
    key = name.lower().replace(" ", "_").replace("-", "_")
    own = Label.__members__.get(key.upper(), Label.UNKNOWN)
    return _OTHER_NAMES.get(key, own)


def describe_labels(classes: Sequence[str], names: Sequence[str], labels: Sequence[int]) -> str:
    """Say what the classes of a model are for Autoware; of those that have a name on the topics.

    All are of one length. What Autoware does not know is said with what to do.
    """
    rows = [row for row in zip(classes, names, map(Label, labels), strict=True) if row[1]]
    said = ", ".join(f"{name.lower()} is {label.name}" for name, _, label in rows)
    unknown = [name.lower() for name, _, label in rows if label is Label.UNKNOWN]
    if not unknown:
        return f"for Autoware {said}"
    advice = ", ".join(f"postprocess.class_map.{name}" for name in unknown)
    return f"for Autoware {said}; give what is UNKNOWN the name of a label by {advice}"
