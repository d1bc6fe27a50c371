"""Turn an OpenPCDet checkpoint into one of ours, so that people bring the teachers they have.

python -m training.import_checkpoint --checkpoint pointpillar.pth \
    --openpcdet-config tools/cfgs/kitti_models/pointpillar.yaml --out point_pillars.safetensors
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model, load_model_config
from pd_ros.process.run_command import command_parser, run_command
from training.import_checkpoint.foreign_weights import read_weights
from training.import_checkpoint.openpcdet import convert, scale_intensity
from training.import_checkpoint.openpcdet_config import load_openpcdet_config

_LOG = logging.getLogger("training.import_checkpoint")
_WRITTEN = "# Written by training.import_checkpoint from OpenPCDet's "


class _Plan(NamedTuple):
    """The network, and what else its checkpoint is to say."""

    config: ModelConfig
    intensity_max: float
    origin: dict[str, object]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.checkpoint is None and options.openpcdet_config is None:
        parser.error("--checkpoint is needed, or --openpcdet-config to write its YAML alone")
    return run_command("training.import_checkpoint", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    plan = _plan(options)
    summary: dict[str, object] = {
        "out": str(options.out),
        "model": plan.config.name,
        "classes": plan.config.classes,
    }
    if options.checkpoint is not None:
        summary["parameters"] = _import(options, plan)
    if options.openpcdet_config is not None:
        _write_yaml(options.out.with_suffix(".yaml"), plan.config, options.openpcdet_config)
    if options.json:
        text = json.dumps({**summary, **plan.origin}, indent=2)
        options.json.write_text(f"{text}\n", encoding="utf-8")


def _plan(options: argparse.Namespace) -> _Plan:
    origin: dict[str, object] = {"licence": options.licence}
    if options.checkpoint is not None:
        origin = {"imported_from": options.checkpoint.name, **origin}
    if options.openpcdet_config is None:
        config = load_model_config(options.config)
        if not isinstance(config, ModelConfig):
            raise ValueError(
                f"{options.config}: expected PointPillars, SECOND or CenterPoint, got"
                f" {config.name}, which takes raw points; train it here"
            )
        most = 1.0 if options.intensity_max is None else options.intensity_max
        return _Plan(config, most, origin)
    theirs = load_openpcdet_config(options.openpcdet_config)
    _check_yaml(options.out.with_suffix(".yaml"))
    if theirs.sweeps > 1 and "time_lag" in theirs.config.features:
        origin["sweeps"] = theirs.sweeps
    most = theirs.intensity_max if options.intensity_max is None else options.intensity_max
    return _Plan(theirs.config, most, origin)


def _import(options: argparse.Namespace, plan: _Plan) -> int:
    """Write the checkpoint; returns the number of its parameters."""
    weights = read_weights(options.checkpoint)
    model = build_model(plan.config)
    try:
        convert(weights, model, plan.config)
    except ValueError as error:
        raise ValueError(f"{options.checkpoint}: {error}") from None
    if plan.intensity_max != 1 and "intensity" in plan.config.features:
        scale_intensity(model, plan.config, plan.intensity_max)
        plan.origin["intensity_max"] = plan.intensity_max
        _LOG.info(
            "intensity: trained on values up to %g; the weights are scaled, so that the network"
            " takes 0 to 1 as all of ours", plan.intensity_max,
        )  # fmt: skip
    save_checkpoint(options.out, model, plan.config, plan.origin)
    parameters = sum(p.numel() for p in model.parameters())
    _LOG.info("%s: %s with %s parameters", options.out, plan.config.name, f"{parameters:,}")
    return parameters


def _check_yaml(path: Path) -> None:
    if path.exists() and not path.read_text(encoding="utf-8").startswith(_WRITTEN):
        raise ValueError(f"{path}: is there already, and not written by this command; give another"
                         " --out, the YAML goes beside it")  # fmt: skip


def _write_yaml(path: Path, config: ModelConfig, source: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = config.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=99)
    path.write_text(f"{_WRITTEN}{source.name}.\n{text}", encoding="utf-8")
    _LOG.info("%s: the network's config, for --config and for training", path)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.import_checkpoint",
        "Turn an OpenPCDet checkpoint (PointPillar, SECOND, CenterPoint on pillars or"
        " voxels, with one or several heads; of spconv 1 or 2) into ours. All weights must be"
        " there and fit, else nothing is written and each that does not is listed.",
        "example: python -m training.import_checkpoint --checkpoint pointpillar_7728.pth"
        " --openpcdet-config OpenPCDet/tools/cfgs/kitti_models/pointpillar.yaml"
        " --out point_pillars.safetensors",
    )
    add = parser.add_argument
    add(
        "--checkpoint", type=Path,
        help="OpenPCDet's .pth; without it, only the YAML of --openpcdet-config is written",
    )  # fmt: skip
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--openpcdet-config", type=Path, metavar="FILE.yaml",
        help="OpenPCDet's YAML of the network, in its folders: range, anchors, classes and all"
        " else are taken from it, or a key is refused; ours is written beside --out as .yaml",
    )  # fmt: skip
    source.add_argument(
        "--config", type=Path,
        help="or a YAML of ours of the same network; the weights do not tell encoder.padded (true"
        " for PillarVFE), grid.any_height (true for DynPillarVFE), range, anchors and the order"
        " of the classes",
    )  # fmt: skip
    add("--out", type=Path, required=True, help="our .safetensors, for node, replay, training")
    add(
        "--intensity-max", type=float,
        help="highest intensity of the points that the network was trained on; default: 255 for"
        " the nuScenes config of OpenPCDet, else 1",
    )  # fmt: skip
    add("--licence", default="unknown", help="of the weights, goes into the metadata")
    add("--json", type=Path, help="also write a summary here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
