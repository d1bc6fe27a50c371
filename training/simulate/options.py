"""Options of the verbs that say what a street is seen by: sensor, height, tilt, rate."""

import argparse

from pd_ros.detection.config.base import parse_config
from training.simulate.lidar.rig import Rig
from training.simulate.lidar.sensor_files import load_rig
from training.simulate.mounting import Mounting

_SENSOR = "hdl64e"
_OPTIONS = {  # by the key of the mounting
    "height_m": "height",
    "pitch_deg": "pitch",
    "roll_deg": "roll",
    "intensity_scale": "intensity-scale",
}
_HELP = {
    "height": "m above the ground (of a rig: of its frame); default: 1.5 to 2.1, drives 1.73",
    "pitch": "degrees; positive looks down; default: 0",
    "roll": "degrees; positive lowers the right side; default: 0",
    "intensity-scale": "factor on the sensor's intensities; default: 1",
}


def add_sensor_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--sensor`` and what goes with it."""
    parser.add_argument(
        "--sensor", default=_SENSOR, metavar="NAME-OR-FILE",
        help="what it is seen by: a name (docs/sensors.md), or the YAML of a sensor or rig",
    )  # fmt: skip
    for option in _OPTIONS.values():
        parser.add_argument(
            f"--{option}", type=float, nargs="+", metavar="VALUE",
            help=f"{_HELP[option]}; of two values each frame has one between",
        )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, metavar="HZ", help="sweeps a second; default: its own"
    )


def says_sensor(options: argparse.Namespace) -> bool:
    """Whether any of these options is given."""
    given = (getattr(options, name.replace("-", "_")) for name in (*_OPTIONS.values(), "rate"))
    return options.sensor != _SENSOR or any(value is not None for value in given)


def chosen_rig(options: argparse.Namespace) -> Rig:
    """The sensor or rig of the options; raises ``ValueError`` for an unknown one."""
    rig = load_rig(options.sensor)
    if options.rate is None:
        return rig
    try:
        return rig.at_rate(options.rate)
    except ValueError as error:
        raise ValueError(f"--rate: {error}") from None


def chosen_mounting(options: argparse.Namespace) -> Mounting:
    """The mounting of the options; raises ``ValueError`` for one that cannot be."""
    given = {
        key: _ends(f"--{option}", values)
        for key, option in _OPTIONS.items()
        if (values := getattr(options, option.replace("-", "_"))) is not None
    }
    return parse_config(given, Mounting, "mounting")


def _ends(option: str, values: list[float]) -> tuple[float, float]:
    if len(values) > 2:
        raise ValueError(f"{option}: expected one value, or the ends of a range, got {values}")
    return values[0], values[-1]
