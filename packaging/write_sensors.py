"""Write the tables of docs/sensors.md that follow from config/sensors.

.venv/bin/python packaging/write_sensors.py            # writes them
.venv/bin/python packaging/write_sensors.py --check    # exit code 1 where the page is out of date

A table stands between the lines ``<!-- table: NAME -->`` and ``<!-- end -->``.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path += [str(HERE), str(ROOT)]  # the checkout: pd_ros need not be installed

from page_tables import replace_tables, write_page  # noqa: E402

from training.simulate.lidar.scan import RosetteScan, SpinningScan  # noqa: E402
from training.simulate.lidar.sensor import Sensor, Sources  # noqa: E402
from training.simulate.lidar.sensor_files import load_sensor, sensor_names  # noqa: E402

PAGE = ROOT / "docs/sensors.md"
_FIGURES = (
    "| `--sensor` | what it is | beams | elevation (degrees) | pulses of a sweep | sweeps a second"
    " | range (m) | on 10 % (m) | noise (m) | intensity |"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page; returns the exit code."""
    return write_page(PAGE, with_tables, (__doc__ or "").splitlines()[0], arguments)


def with_tables(page: str) -> str:
    """Return the text of the page with its tables as the sensor files have them."""
    tables = {"sensors": figures_table(), "sources": sources_table()}
    return replace_tables(page, tables.__getitem__)


def figures_table() -> str:
    """Return a row of figures for each sensor in Markdown."""
    return "\n".join((_FIGURES, "|" + "---|" * 10, *map(_figures, sensor_names())))


def sources_table() -> str:
    """Return where the figures of each sensor come from, in Markdown."""
    keys = tuple(Sources.model_fields)
    head = f"| `--sensor` | {' | '.join(keys)} |"
    return "\n".join((head, "|" + "---|" * (len(keys) + 1), *map(_sources, sensor_names())))


def _figures(name: str) -> str:
    sensor = load_sensor(name)
    shortest, longest = sensor.range_m
    cells = (
        f"`{name}`", sensor.title, *_scan(sensor), f"{sensor.rate_hz:g}",
        f"{shortest:g} to {longest:g}", f"{sensor.range_at_10_percent_m:g}",
        f"{sensor.range_noise_m:g}", f"x {sensor.intensity_scale:g}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _scan(sensor: Sensor) -> Iterator[str]:
    """Return beams, elevations and pulses."""
    scan, pulses = sensor.scan, f"{sensor.scan.pulses(sensor.rate_hz):,}"
    if isinstance(scan, SpinningScan):
        low, high = scan.elevations[0], scan.elevations[-1]
        yield f"{scan.rings}"
        yield f"{low:g} to {high:g}"
        yield f"{pulses} ({scan.firings_per_turn} a turn)"
        return
    yield f"{scan.rings}, does not repeat"
    if isinstance(scan, RosetteScan):
        half = sum(map(abs, scan.prism_angles_deg))
        lasers = scan.laser_elevations_deg
        yield f"{min(lasers) - half:g} to {max(lasers) + half:g}, {2 * half:g} wide"
    else:
        yield "{:g} to {:g}".format(*scan.elevation_deg)
    yield pulses


def _sources(name: str) -> str:
    sources = load_sensor(name).sources
    cells = (f"`{name}`", *(getattr(sources, key) for key in Sources.model_fields))
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
