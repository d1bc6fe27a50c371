"""Score files of boxes against files of labels by a benchmark's own rule.

python -m pd_ros.evaluate --metric kitti --labels label_2 --detections results --json scores.json
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from pd_ros.evaluation.curves import CurvePanel
from pd_ros.evaluation.kitti.labels import KittiObjects, read_detections, read_labels
from pd_ros.evaluation.kitti.metric import evaluate_kitti
from pd_ros.evaluation.kitti.report import KittiReport
from pd_ros.evaluation.nuscenes import boxes as nuscenes_boxes
from pd_ros.evaluation.nuscenes.metric import evaluate_nuscenes
from pd_ros.evaluation.nuscenes.report import NuscenesReport
from pd_ros.evaluation.nuscenes.tables import vehicle_places
from pd_ros.evaluation.waymo.frames import read_frames
from pd_ros.evaluation.waymo.metric import evaluate_waymo
from pd_ros.process.run_command import command_parser, run_command

_EXAMPLES = """examples:
  python -m pd_ros.evaluate --metric kitti --labels kitti/training/label_2 \\
      --detections results/data --json scores.json --picture curves.png
  python -m pd_ros.evaluate --metric nuscenes --ground-truth val.json \\
      --detections results.json --tables nuscenes/v1.0-trainval
  python -m pd_ros.evaluate --metric waymo --frames frames.json

The formats of the JSON files are described at the top of pd_ros/evaluation/nuscenes/boxes.py and
waymo_frames.py.
"""

# Which of the options that name what is scored belong to a metric.
_INPUTS = {
    "kitti": ("labels", "detections"),
    "nuscenes": ("ground_truth", "detections"),
    "waymo": ("frames",),
}


class Report(Protocol):
    """What every metric gives."""

    def to_json(self) -> Mapping[str, object]:
        """For programs."""

    def format_table(self) -> str:
        """For readers."""

    def panels(self) -> list[list[CurvePanel]]:
        """For a picture."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    return run_command("pd_ros.evaluate", lambda: _run(options))


def _run(options: argparse.Namespace) -> str:
    report = _evaluate(options)
    for file in (options.json, options.picture):
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
    if options.json:
        text = json.dumps(report.to_json(), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.picture:
        _save_picture(options.picture, report, options.frames or options.detections)
    return report.format_table()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    needed = _INPUTS[options.metric]
    for name in ("labels", "ground_truth", "detections", "frames"):
        given, flag = getattr(options, name) is not None, "--" + name.replace("_", "-")
        if name in needed and not given:
            parser.error(f"--metric {options.metric}: expected {flag} as well, got none")
        if given and name not in needed:
            parser.error(f"--metric {options.metric}: expected no {flag}, got one; leave it out")
    if options.tables and options.metric != "nuscenes":
        parser.error(f"--metric {options.metric}: expected no --tables, got one; leave it out")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.evaluate",
        "Score files of boxes against files of labels by a benchmark's own rule.",
        _EXAMPLES,
    )
    add = parser.add_argument
    add("--metric", choices=tuple(_INPUTS), required=True,
        help="kitti: AP in the image, from above and in 3D, R40 and R11, and AOS; nuscenes: AP by"
             " distance, errors and NDS; waymo: AP and APH at LEVEL_1 and LEVEL_2")  # fmt: skip
    add("--labels", type=Path, metavar="DIR", help="kitti: folder of label files, *.txt")
    add("--ground-truth", type=Path, metavar="FILE", help="nuscenes: boxes that are there, JSON")
    add("--detections", type=Path, metavar="DIR_OR_FILE",
        help="kitti: folder with a result file for each label file, empty where nothing was found;"
             " nuscenes: results as handed in, JSON")  # fmt: skip
    add("--tables", type=Path, metavar="DIR",
        help="nuscenes: folder of the data set's tables (v1.0-trainval), for results as handed in,"
             " which do not say where the vehicle was")  # fmt: skip
    add("--frames", type=Path, metavar="FILE", help="waymo: labels and detections, JSON")
    add("--json", type=Path, metavar="FILE", help="write the scores here as well")
    add(
        "--picture", type=Path, metavar="FILE", help="draw precision over recall, as PNG, SVG, ..."
    )
    return parser


def _evaluate(options: argparse.Namespace) -> Report:
    if options.metric == "kitti":
        return _evaluate_folders(options.labels, options.detections)
    if options.metric == "nuscenes":
        return _evaluate_samples(options)
    return evaluate_waymo(read_frames(options.frames))


def _evaluate_samples(options: argparse.Namespace) -> NuscenesReport:
    places = vehicle_places(options.tables) if options.tables else {}
    truth = nuscenes_boxes.read_ground_truth(options.ground_truth, places)
    found = nuscenes_boxes.read_detections(options.detections, places)
    try:
        return evaluate_nuscenes(truth, found)
    except ValueError as error:
        raise ValueError(f"{options.detections}: {error}") from None


def _evaluate_folders(labels: Path, detections: Path) -> KittiReport:
    names = [path.name for path in _text_files(labels, "label files")]
    found_names = {path.name for path in _text_files(detections, "result files")}
    missing = [name for name in names if name not in found_names]
    if missing:
        raise ValueError(
            f"{detections}: expected a result file for each of {len(names)} label files, got none"
            f" for {len(missing)}: {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''};"
            " write an empty file where nothing was found"
        )
    truth: list[KittiObjects] = []
    found: list[KittiObjects] = []
    for name in tqdm(names, desc="read", unit="frame", leave=False):
        truth.append(read_labels(labels / name))
        found.append(read_detections(detections / name))
    return evaluate_kitti(truth, found)


def _text_files(folder: Path, meaning: str) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of {meaning}, found no such folder;"
                         " correct the path")  # fmt: skip
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise ValueError(f"{folder}: expected {meaning} (*.txt), found none; give the folder that"
                         " holds them")  # fmt: skip
    return files


def _save_picture(path: Path, report: Report, source: Path) -> None:
    from pd_ros.evaluation.plots.charts import save_precision_curves  # noqa: PLC0415

    save_precision_curves(path, report.panels(), f"{source}: precision over recall")


if __name__ == "__main__":
    sys.exit(main())
