"""Score files of boxes against files of labels by a benchmark's own rule.

python -m pd_ros.evaluate --metric kitti --labels label_2 --detections results --json scores.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pd_ros.evaluation.kitti import evaluate_kitti
from pd_ros.evaluation.kitti_labels import KittiObjects, read_detections, read_labels
from pd_ros.evaluation.kitti_report import KittiReport

_EXAMPLE = """example:
  python -m pd_ros.evaluate --metric kitti --labels kitti/training/label_2 \\
      --detections results/data --json scores.json --picture curves.png
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        report = _evaluate_folders(options.labels, options.detections)
        for file in (options.json, options.picture):
            if file:
                file.parent.mkdir(parents=True, exist_ok=True)
        if options.json:
            text = json.dumps(report.to_json(), indent=2)
            options.json.write_text(text + "\n", encoding="utf-8")
        if options.picture:
            _save_picture(options.picture, report, options.detections)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"pd_ros.evaluate: {error}\n")
        return 2
    sys.stdout.write(report.format_table() + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pd_ros.evaluate",
        description="Score files of boxes against files of labels by a benchmark's own rule.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--metric", choices=("kitti",), required=True,
        help="kitti: AP in the image, from above and in 3D, R40 and R11, and AOS",
    )  # fmt: skip
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="DIR", help="folder of label files, *.txt"
    )
    parser.add_argument(
        "--detections", type=Path, required=True, metavar="DIR",
        help="folder with a result file for each label file, empty where nothing was found",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores here as well")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw precision over recall")
    return parser


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


def _save_picture(path: Path, report: KittiReport, detections: Path) -> None:
    from pd_ros.evaluation.picture import save_precision_curves  # noqa: PLC0415

    save_precision_curves(path, report, f"{detections}: precision over recall, strict overlap")


if __name__ == "__main__":
    sys.exit(main())
