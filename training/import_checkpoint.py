"""Turn an OpenPCDet checkpoint into one of ours, so that people bring the teachers they have.

python -m training.import_checkpoint --checkpoint pointpillar.pth \
    --config config/model/point_pillars.yaml --out point_pillars.safetensors
"""

import argparse
import json
import logging
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pd_ros.command_options import command_parser
from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import build_model
from pd_ros.detection.model_config import load_model_config
from pd_ros.run_command import run_command
from training.openpcdet import convert

_LOG = logging.getLogger("training.import_checkpoint")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("training.import_checkpoint", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    config = load_model_config(options.config)
    if not isinstance(config, ModelConfig):
        raise ValueError(
            f"{options.config}: expected PointPillars, SECOND or CenterPoint, got"
            f" {config.name}, which takes raw points; train it here"
        )
    weights = read_weights(options.checkpoint)
    model = build_model(config)
    try:
        convert(weights, model, config)
    except ValueError as error:
        raise ValueError(f"{options.checkpoint}: {error}") from None
    origin = {"imported_from": options.checkpoint.name, "licence": options.licence}
    save_checkpoint(options.out, model, config, origin)
    parameters = sum(p.numel() for p in model.parameters())
    _LOG.info("%s: %s with %s parameters", options.out, config.name, f"{parameters:,}")
    if options.json:
        summary = {
            "out": str(options.out),
            "model": config.name,
            "classes": config.classes,
            "parameters": parameters,
            **origin,
        }
        options.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights of an OpenPCDet checkpoint by name; nothing in the file is ever executed.

    Raises ``ValueError`` for a file that is missing, damaged, or holds more than data.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"{path}: expected a checkpoint of tensors alone, got a file that torch does not load"
            f" safely ({first}); save its model_state again with torch.save"
        ) from None
    state = content.get("model_state", content) if isinstance(content, Mapping) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(
            f"{path}: expected OpenPCDet's dictionary with model_state, or its weights by name;"
            " check which program wrote it"
        )
    return dict(state)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.import_checkpoint",
        "Turn an OpenPCDet checkpoint (PointPillar, SECOND, CenterPoint on pillars or"
        " voxels; of spconv 1 or 2) into ours. All weights must be there and fit, else nothing is"
        " written and each that does not is listed.",
        "example: python -m training.import_checkpoint --checkpoint pointpillar_7728.pth"
        " --config config/model/point_pillars.yaml --out point_pillars.safetensors",
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, help="OpenPCDet's .pth")
    add(
        "--config", type=Path, required=True,
        help="YAML of the same network; encoder.padded: true for PillarVFE, false for its dynamic"
        " kind: their weights do not tell",
    )  # fmt: skip
    add("--out", type=Path, required=True, help="our .safetensors, for node, replay, training")
    add("--licence", default="unknown", help="of the weights, goes into the metadata")
    add("--json", type=Path, help="also write a summary here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
