"""Write a checkpoint whose dense part is in int8 as well, calibrated on clouds of its sensor.

python -m pd_ros.quantise --model real_student --points recording --out my_int8.safetensors
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pd_ros.benchmark.inputs import find_model, load_network
from pd_ros.detection.checkpoint import Checkpoint, add_quantised, save_checkpoint
from pd_ros.detection.config.names import TIME_LAG
from pd_ros.detection.inference.openvino.quantise import LEAST_CLOUDS, quantise_dense
from pd_ros.pointcloud.bin_columns import parse_columns
from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.features import model_points
from pd_ros.pointcloud.z_offset import raised
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.cloud_options import add_columns, add_z_offset
from pd_ros.recordings.sources import Source, open_source, with_features
from pd_ros.replay.z_offset import measure_source
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput

_EXAMPLE = """example:
  python -m pd_ros.quantise --model real_student --points drive_0005 --out my_int8.safetensors
  python -m pd_ros.benchmark --model my_int8.safetensors --points drive_0007

What is written runs wherever a checkpoint does, by OpenVINO on a CPU. Needs
packaging/requirements/nncf.txt; to run it packaging/requirements/openvino.txt is enough.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("pd_ros.quantise", lambda: _run(options))


def _run(options: argparse.Namespace) -> str:
    if options.clouds < LEAST_CLOUDS:
        raise ValueError(
            f"--clouds: expected at least {LEAST_CLOUDS}, got {options.clouds}; give more"
        )
    path = find_model(options.model)
    checkpoint = load_network(path)
    if TIME_LAG in checkpoint.config.features:
        raise ValueError(
            f"{path}: expected a model of single clouds, got one of several sweeps; choose another"
        )
    source = open_source(
        options.points, options.topic, options.intensity_scale, None, with_truth=False,
        columns=parse_columns(options.columns),
    )  # fmt: skip
    source = with_features(source, checkpoint.config.features)
    clouds = _clouds(source, checkpoint, options)
    part = quantise_dense(checkpoint, clouds, str(options.points))
    if checkpoint.path is None:  # of a YAML: fresh weights, for the speed alone
        save_checkpoint(options.out, checkpoint.model, checkpoint.config, {})
    add_quantised(checkpoint.path or options.out, options.out, part)
    return (
        f"{options.out}: dense part in int8, calibrated on {part.record.cloud_count} clouds of"
        f" {options.points}; see what it costs: python -m pd_ros.benchmark --model {options.out}"
        " --points CLOUDS, and python -m training.evaluate"
    )


def _clouds(
    source: Source, checkpoint: Checkpoint, options: argparse.Namespace
) -> Iterator[Float32]:
    """Clouds spread over all of a source, as the model wants them: ``[N, 3 + C]``."""
    config, offset_m = checkpoint.config, options.z_offset
    if offset_m is None:
        model_input = ModelInput.of(config, checkpoint.training, checkpoint.where)
        offset_m = measure_source(source, model_input.expected).settle()
    step = max(1, source.count // options.clouds)
    for number, sweep in enumerate(source.sweeps()):
        if number % step == 0 and number // step < options.clouds:
            yield raised(model_points(sweep.points, config.features, source.extras), offset_m)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.quantise",
        "Write a checkpoint whose dense part (backbone, neck, head) is in int8 as well,"
        " calibrated on clouds of the sensor that it is to see.",
        _EXAMPLE,
    )
    add = parser.add_argument
    add(
        "--model", required=True, metavar="FILE-OR-NAME",
        help="checkpoint (.safetensors), name of one that comes with pd_ros, or YAML of a network:"
        " then with fresh weights, to measure its speed",
    )  # fmt: skip
    add(
        "--points", type=Path, required=True,
        help="recording or folder of clouds as the detector will see them; not those that it is"
        " to be scored on",
    )  # fmt: skip
    add("--out", type=Path, required=True, help="checkpoint to write (.safetensors)")
    add("--clouds", type=int, default=100, help="how many are taken, spread over all")
    add("--topic", help="of the clouds in a recording; default: the only PointCloud2 topic")
    add("--intensity-scale", type=float, default=1.0, help="as in pd_ros.replay")
    add_z_offset(parser)
    add_columns(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
