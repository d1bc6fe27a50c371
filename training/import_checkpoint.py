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

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import build_model
from pd_ros.detection.model_config import load_model_config
from training.openpcdet import convert

_LOG = logging.getLogger("training.import_checkpoint")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
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
    except ValueError as error:
        _LOG.error("%s", error)
        return 2
    origin = {"imported_from": options.checkpoint.name, "licence": options.licence}
    save_checkpoint(options.out, model, config, origin)
    _LOG.info("%s: %s, %d weights", options.out, config.name, len(model.state_dict()))
    if options.json:
        summary = {"model": config.name, "weights": len(weights), "out": str(options.out)}
        options.json.write_text(json.dumps(summary) + "\n", encoding="utf-8")
    return 0


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
    parser = argparse.ArgumentParser(
        prog="python -m training.import_checkpoint",
        description="Turn an OpenPCDet checkpoint (PointPillar, SECOND, CenterPoint) into ours.",
        epilog="example: python -m training.import_checkpoint --checkpoint pointpillar_7728.pth"
        " --config config/model/point_pillars.yaml --out point_pillars.safetensors",
    )
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, help="OpenPCDet's .pth")
    add("--config", type=Path, required=True, help="YAML of the same network")
    add("--out", type=Path, required=True, help="our .safetensors")
    add("--licence", default="unknown", help="of the weights; goes into the metadata")
    add("--json", type=Path, help="also write a summary here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
