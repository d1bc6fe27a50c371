"""What detectors cost: parameters, multiply-adds, activations, latency on this machine.

python -m training.profile --models pd_ros/weights/*.safetensors --sweep data/sim/test/000000.npz
python -m training.profile --models config/model/*.yaml --sweep data/sim/test/000000.npz
"""

import argparse
import csv
import json
import logging
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from pd_ros.detection.batch import make_batch
from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.device import choose_device, choose_precision
from pd_ros.detection.model import AnyModel, build_model
from pd_ros.detection.model_config import AnyModelConfig, load_model_config
from pd_ros.detection.predictor import Predictor
from training.data.npz import read_frame
from training.frame import Float32
from training.sparse_cost import SparseCost

_LOG = logging.getLogger("training.profile")


@dataclass(frozen=True)
class Profile:
    """Cost of one detector on one sweep."""

    name: str
    parameters: int
    gmacs: float  # 1e9 multiply-adds of convolutions and linear layers
    sparse_gmacs: float  # 1e9 multiply-adds of sparse convolutions, on the sweep
    mactivations: float  # 1e6 outputs of all these layers
    latency_ms: float  # median, from points in memory to boxes in memory
    slowest_ms: float


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        points = read_frame(options.sweep).points
        profiles = [
            profile(path, points, options.device, options.repeats)
            for path in tqdm(options.models, desc="profile", leave=False)
        ]
    except ValueError as error:
        _LOG.error("%s", error)
        return 2
    sys.stdout.write(format_table(profiles) + "\n")
    rows = [asdict(row) for row in profiles]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return 0


def profile(path: Path, points: Float32, device: str, repeats: int) -> Profile:
    """Cost of a checkpoint, or of a YAML's network with fresh weights, on points ``[N, 4]``.

    Features that the sweep does not have are 0. Raises ``ValueError`` for a bad file or device.
    """
    checkpoint = _load(path)
    config, model = checkpoint.config, checkpoint.model
    cloud = torch.zeros(len(points), 3 + len(config.features))
    known = min(cloud.shape[1], points.shape[1])
    cloud[:, :known] = torch.from_numpy(points[:, :known])
    gmacs, sparse_gmacs, mactivations = count_operations(model, cloud, config)
    parameters = sum(p.numel() for p in model.parameters())
    where = choose_device(device)
    predictor = Predictor(checkpoint, where, choose_precision("auto", where))
    predictor.warm_up()
    times = [_time_ms(predictor, cloud) for _ in range(repeats)]
    latency = statistics.median(times)
    return Profile(path.stem, parameters, gmacs, sparse_gmacs, mactivations, latency, max(times))


def _load(path: Path) -> Checkpoint:
    if path.suffix != ".yaml":
        return load_checkpoint(path)
    config = load_model_config(path)
    torch.manual_seed(0)
    return Checkpoint(build_model(config).eval(), config, {})


@torch.no_grad()
def count_operations(
    model: AnyModel, cloud: Tensor, config: AnyModelConfig
) -> tuple[float, float, float]:
    """1e9 multiply-adds, those of sparse layers apart, and 1e6 activations over a cloud.

    The cloud is ``[N, 3 + C]``; what its points do not reach costs a sparse layer nothing.
    """
    batch = make_batch([cloud], config)
    outputs: list[int] = []

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        outputs.append(output.numel())

    layers = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, layers)]
    with FlopCounterMode(display=False) as counter, SparseCost(model) as sparse:
        model(batch)
    for hook in hooks:
        hook.remove()
    activations = sum(outputs) + sparse.activations
    # FLOPs count a multiply-add twice.
    return counter.get_total_flops() / 2e9, sparse.multiply_adds / 1e9, activations / 1e6


def format_table(profiles: list[Profile]) -> str:
    """Return the costs as text, one line per detector, with the latency relative to the first."""
    lines = [
        f"{'detector':24}{'parameters':>12}{'GMACs':>8}{'+ sparse':>10}{'Mact':>8}{'p50 ms':>9}"
        f"{'max ms':>9}{'p50 / first':>13}"
    ]
    lines += [
        f"{row.name:24}{row.parameters:12,}{row.gmacs:8.2f}{row.sparse_gmacs:10.2f}"
        f"{row.mactivations:8.1f}"
        f"{row.latency_ms:9.1f}{row.slowest_ms:9.1f}"
        f"{row.latency_ms / profiles[0].latency_ms:13.2f}"
        for row in profiles
    ]
    return "\n".join(lines)


def _time_ms(predictor: Predictor, cloud: Tensor) -> float:
    started = time.perf_counter()
    predictor(cloud)
    return 1000 * (time.perf_counter() - started)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.profile",
        description="Parameters, multiply-adds, activations and latency of detectors on a sweep.",
        epilog="example: python -m training.profile --models pd_ros/weights/*.safetensors"
        " --sweep data/sim/test/000000.npz --json cost.json",
    )
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="checkpoints, or YAMLs of networks"
    )
    parser.add_argument("--sweep", type=Path, required=True, help="a labelled .npz sweep")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--repeats", type=int, default=20, help="timed runs, at least 1")
    parser.add_argument("--json", type=Path, help="also write the table here")
    parser.add_argument("--csv", type=Path, help="also write the table here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
