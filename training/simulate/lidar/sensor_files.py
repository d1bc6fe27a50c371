"""Read sensors and rigs by name or file; everybody's own is one more file.

Names are the files of ``config/sensors`` and ``config/rigs`` in the checkout, without suffix.
"""

import difflib
from pathlib import Path

from pd_ros.detection.config.base import load_config, parse_config, read_yaml
from training.simulate.lidar.rig import PlaceConfig, PlacedSensor, Rig, RigConfig
from training.simulate.lidar.sensor import Sensor

_CONFIG = Path(__file__).resolve().parents[3] / "config"
SENSORS = _CONFIG / "sensors"
_RIGS = _CONFIG / "rigs"


def sensor_names() -> list[str]:
    """Names of the sensors that come with the package, sorted."""
    return sorted(path.stem for path in SENSORS.glob("*.yaml"))


def rig_names() -> list[str]:
    """Names of the rigs that come with the package, sorted."""
    return sorted(path.stem for path in _RIGS.glob("*.yaml"))


def load_sensor(name_or_file: str) -> Sensor:
    """Read a sensor; raises ``ValueError`` that says what is wrong with its name or its file."""
    return load_config(_path(name_or_file), Sensor)


def load_rig(name_or_file: str) -> Rig:
    """Read a rig file, or a sensor as a rig of one.

    Raises ``ValueError`` that says what is wrong with the name or with one of the files.
    """
    path = _path(name_or_file)
    content = read_yaml(path)
    if not (isinstance(content, dict) and "sensors" in content):
        return Rig.of(parse_config(content, Sensor, str(path)))
    config = parse_config(content, RigConfig, str(path))
    rig = Rig(config.title, tuple(_placed(place, path) for place in config.sensors))
    rates = sorted({place.sensor.rate_hz for place in rig.sensors})
    if len(rates) > 1:
        raise ValueError(
            f"{path}: expected sensors of one rate, got {', '.join(f'{r:g}' for r in rates)} Hz;"
            " give all of them files of the same rate_hz"
        )
    return rig


def _placed(place: PlaceConfig, rig_file: Path) -> PlacedSensor:
    name = place.sensor
    if _is_file(name):
        name = str(rig_file.parent / name)
    try:
        sensor = load_sensor(name)
    except ValueError as error:
        raise ValueError(f"{rig_file}: sensors: {error}") from None
    if place.blind_deg:
        content = sensor.model_dump() | {"blind_deg": sensor.blind_deg + place.blind_deg}
        sensor = parse_config(content, Sensor, f"{rig_file}: sensors: {name}")
    angles = (place.yaw_deg, place.pitch_deg, place.roll_deg)
    return PlacedSensor(sensor, place.position_m, *angles)


def _is_file(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml") or "/" in name


def _path(name_or_file: str) -> Path:
    if _is_file(name_or_file):
        return Path(name_or_file)
    names = [*sensor_names(), *rig_names()]
    if name_or_file in names:
        folder = _RIGS if name_or_file in rig_names() else SENSORS
        return folder / f"{name_or_file}.yaml"
    near = difflib.get_close_matches(name_or_file.lower(), names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(
        f"unknown sensor {name_or_file!r}: {hint}expected one of {', '.join(names)}, or the path"
        " of a sensor's or a rig's YAML file"
    )
