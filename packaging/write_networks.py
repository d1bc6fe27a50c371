"""Write the table of docs/training/networks.md that follows from config/model and config/train.

.venv/bin/python packaging/write_networks.py            # writes it
.venv/bin/python packaging/write_networks.py --check    # exit code 1 where the page is out of date

The table stands between the lines ``<!-- table: networks -->`` and ``<!-- end -->``. Networks are
built without memory for their weights; networks of voxels need spconv.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path += [str(HERE), str(ROOT)]  # the checkout: pd_ros need not be installed

from page_tables import replace_tables, write_page  # noqa: E402

from pd_ros.detection.bev.detector import BevDetector  # noqa: E402
from pd_ros.detection.config.bev import ModelConfig  # noqa: E402
from pd_ros.detection.config.parts import PyramidNeckConfig  # noqa: E402
from pd_ros.detection.config.point_rcnn import PointRcnnConfig  # noqa: E402
from pd_ros.detection.families import (  # noqa: E402
    load_model_config,
    outline_model,
)

PAGE = ROOT / "docs/training/networks.md"
_HEADER = (
    "| YAML | input | encoder | backbone: widths, layers, strides | neck | head"
    " | parameters (M) | dense GMACs | runs |"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page; returns the exit code."""
    return write_page(PAGE, with_table, (__doc__ or "").splitlines()[0], arguments)


def with_table(page: str) -> str:
    """Return the text of the page with its table as the configs have it."""
    return replace_tables(page, {"networks": network_table()}.__getitem__)


def network_table() -> str:
    """Return the table in Markdown, a row for each YAML of ``config/model``."""
    paths = sorted((ROOT / "config/model").glob("*.yaml"))
    return "\n".join((_HEADER, "|" + "---|" * 9, *map(_row, paths)))


def _row(path: Path) -> str:
    config = load_model_config(path)
    model = outline_model(config)
    parameters = sum(each.numel() for each in model.parameters()) / 1e6
    if isinstance(config, PointRcnnConfig):
        parts, gmacs = _points(config), "n/a"
    else:
        assert isinstance(model, BevDetector)
        parts, gmacs = _maps(config), f"{_dense_gmacs(model, config):.2f}"
    runs = ", ".join(f"`{name}`" for name in _runs(path)) or "none"
    return f"| `{path.stem}` | {' | '.join(parts)} | {parameters:.3f} | {gmacs} | {runs} |"


def _maps(config: ModelConfig) -> Iterator[str]:
    """Return what a BEV detector is made of: input, encoder, backbone, neck and head."""
    x, y = config.grid.pillar_size_m
    height = config.grid.voxel_height_m
    yield f"voxels {x:g} x {y:g} x {height:g} m" if height else f"pillars {x:g} x {y:g} m"
    yield _list(config.encoder.widths)
    backbone = config.backbone
    yield "; ".join(map(_list, (backbone.widths, backbone.layers, backbone.strides)))
    neck = config.neck
    yield f"pyramid {neck.width}" if isinstance(neck, PyramidNeckConfig) else _list(neck.widths)
    yield f"{config.head.kind}, {len(config.classes)} classes"


def _points(config: PointRcnnConfig) -> Iterator[str]:
    """Return the same of a detector on raw points, which has levels for encoder and backbone."""
    yield f"{config.points:,} points"
    yield "levels of " + ", ".join(str(level.points) for level in config.abstraction)
    yield "; ".join(_list(widths[-1] for widths in level.widths) for level in config.abstraction)
    yield _list(widths[-1] for widths in config.propagation)
    yield f"proposals, {len(config.classes)} classes"


def _dense_gmacs(model: BevDetector, config: ModelConfig) -> float:
    """Return the 1e9 multiply-adds of backbone, neck and head on one cloud."""
    canvas = torch.empty(1, *config.canvas_shape, device="meta")
    with FlopCounterMode(display=False) as counter:
        model.dense(canvas)
    return float(counter.get_total_flops()) / 2e9


def _runs(path: Path) -> Iterator[str]:
    """Return the names of the runs in ``config/train`` that train a network."""
    for run in sorted((ROOT / "config/train").glob("*.yaml")):
        content = yaml.safe_load(run.read_text(encoding="utf-8"))
        if content["model"] == path.relative_to(ROOT).as_posix():
            yield run.stem


def _list(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))


if __name__ == "__main__":
    sys.exit(main())
