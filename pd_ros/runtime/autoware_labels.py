"""What Autoware calls the classes of a model: labels of ``ObjectClassification``."""

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
