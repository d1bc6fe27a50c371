"""Run a detector over recorded clouds, and say how well and how fast.

python -m pd_ros.replay --model student.safetensors --points recording --out result
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.picture import save_birdseye
from pd_ros.replay.report import format_report, report_json, write_detections_json
from pd_ros.replay.run import replay, score
from pd_ros.replay.sources import open_source

_EXAMPLE = """example:
  python -m pd_ros.replay --model student.safetensors --points drive_0005 --out result --picture
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        sys.stdout.write(_run(options) + "\n")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"pd_ros.replay: {error}\n")
        return 2
    return 0


def _run(options: argparse.Namespace) -> str:
    source = open_source(
        options.points, options.topic, options.intensity_scale, options.labels,
        with_truth=not options.no_labels,
    )  # fmt: skip
    predictor = Predictor.from_checkpoint(options.model, options.device)
    config = predictor.config
    if config.features not in ((), ("intensity",)):
        raise ValueError(
            f"{options.model}: expected a model of x, y, z or x, y, z, intensity,"
            f" got one that also wants {', '.join(config.features)}"
        )
    predictor.warm_up()
    result = replay(
        predictor, source, config.classes, len(config.features), options.score_threshold
    )
    scores = score(result, source, config.classes)
    options.out.mkdir(parents=True, exist_ok=True)
    write_detections_json(options.out / "detections.json", result, config.classes)
    report = report_json(options.model, options.points, result, scores, config.classes)
    for path in {options.out / "report.json", options.json} - {None}:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if options.picture:
        save_birdseye(options.out / "birdseye.png", result.panels, f"{options.points}")
    return format_report(result, scores, config.classes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pd_ros.replay",
        description="Run a detector over recorded clouds, and say how well and how fast.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", type=Path, required=True, help="checkpoint (.safetensors)")
    add(
        "--points", type=Path, required=True,
        help="recording (rosbag2 folder, .mcap, .db3, .bag), or a folder of .bin, .npz or .pcd",
    )  # fmt: skip
    add("--out", type=Path, required=True, help="folder for detections.json and report.json")
    add("--topic", help="of the clouds in a recording; default: the only PointCloud2 topic")
    add(
        "--labels", type=Path,
        help="folder with label_2 and calib, or objects.json; default: looked for beside the"
        " clouds; recordings and .npz carry their own",
    )  # fmt: skip
    add("--no-labels", action="store_true", help="do not look for labels")
    add("--device", default="auto", help="auto, cpu or cuda:N")
    add("--score-threshold", type=float, default=0.0, help="leave out boxes below this score")
    add(
        "--intensity-scale", type=float, default=1.0,
        help="what full intensity is in the clouds, e.g. 255; intensities are divided by it",
    )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the report here as well")
    add("--picture", action="store_true", help="draw some clouds from above: birdseye.png")
    return parser


if __name__ == "__main__":
    sys.exit(main())
