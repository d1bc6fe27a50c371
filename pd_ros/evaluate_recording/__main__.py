"""Score detectors on recordings, without ROS: how right, how fast, where wrong.

python -m pd_ros.evaluate_recording drive.mcap --model student.safetensors --out result
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from pd_ros.detection.checkpoint import load_checkpoint, read_config
from pd_ros.detection.device import choose_device
from pd_ros.evaluate_recording.evaluation_json import evaluation_json
from pd_ros.evaluate_recording.evaluation_page import Evaluation, evaluation_page
from pd_ros.evaluate_recording.evaluation_pictures import FrameStyle, draw_pictures
from pd_ros.evaluate_recording.failures import report_failures
from pd_ros.evaluate_recording.options import EvaluationPlan, name_tasks
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.run import VIEWS
from pd_ros.evaluate_recording.summary import ModelSummary, quantiles, summarise
from pd_ros.evaluate_recording.view_recording import TEACHER
from pd_ros.evaluate_recording.workers import run_all
from pd_ros.evaluation.lidar import format_table
from pd_ros.evaluation.operating.report import format_operating_point
from pd_ros.evaluation.operating.scores import ALL_RANGES
from pd_ros.jobs.open_pool import add_scheduler
from pd_ros.pointcloud.bin_columns import parse_columns
from pd_ros.pointcloud.z_offset import AUTO
from pd_ros.process.foreign_load import LoadWatch
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.process.unfinished import unfinished_folder
from pd_ros.recordings.cloud_options import add_columns, add_ego_distance, add_z_offset
from pd_ros.recordings.label_names import describe_unknown, unknown_names
from pd_ros.recordings.remote import copy_out, location
from pd_ros.replay.labelled_detector import distinct_names
from pd_ros.replay.report import make_folders, remarks, write_report

_EXAMPLES = """examples:
  python -m pd_ros.evaluate_recording drive.mcap --model student.safetensors --out result
  python -m pd_ros.evaluate_recording monday/ tuesday.mcap --jobs 2 --out result \\
      --model old.safetensors --model new.safetensors --teacher teacher.safetensors

writes in --out: report.html, report.json, pictures/, and views/NAME.mcap, a recording of clouds
and boxes for RViz or Foxglove
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("pd_ros.evaluate_recording", lambda: _run(options))


def _run(options: argparse.Namespace) -> str:
    _check(options)
    if isinstance(options.out, Path):
        return _evaluate(options)
    address = options.out
    with TemporaryDirectory() as folder:
        options.out = Path(folder)
        try:
            return _evaluate(options).replace(folder, address.rstrip("/"))
        finally:
            copy_out(options.out, address)


def _evaluate(options: argparse.Namespace) -> str:
    """Evaluate and write everything; returns what to say."""
    plan = _plan(options)
    classes = load_checkpoint(plan.models[0]).config.classes
    for path in [*plan.models[1:], *filter(None, [plan.teacher])]:
        read_config(path)
    # Of a cluster's devices this machine knows nothing.
    device = plan.device if options.scheduler else str(choose_device(plan.device))
    names = distinct_names([path.stem for path in plan.models])
    make_folders(options.out, options.json)
    with unfinished_folder(options.out) as boxes:
        watch = LoadWatch()
        tasks = name_tasks(options.recordings)
        results, chosen, failures = run_all(tasks, plan, options.jobs, boxes, options.scheduler)
        failed = report_failures(options.out, failures, len(tasks))
        load = watch.load()
        summaries = summarise(results, names, classes)
    reference = TEACHER if plan.teacher else "labels"
    style = FrameStyle(names, classes, results[0].thresholds, reference)
    pictures = draw_pictures(plan.out, summaries, chosen, style)
    conditions = _conditions(plan, device, options.jobs, summaries)
    unknown = _unknown_labels(results, classes)
    if unknown:
        conditions["labels_of_no_class"] = unknown
    report = evaluation_json(conditions, results, summaries, chosen)
    report["timing"] = {"load": load._asdict()}
    write_report(report, options.out, options.json)
    notes = [*_remarks(results, unknown, classes), *filter(None, [load.remark()])]
    evaluation = Evaluation(conditions, results, summaries, pictures, classes, reference, notes)
    page = plan.out / "report.html"
    page.write_text(evaluation_page(evaluation), encoding="utf-8")
    files = ["", f"report: {page}", f"views: {plan.out / VIEWS}"]
    lines = "\n".join([*_lines(summaries), *notes, *files])
    if failed:
        sys.stdout.write(lines + "\n")
        raise ValueError(failed)
    return lines


def _plan(options: argparse.Namespace) -> EvaluationPlan:
    """Return what all recordings are run with."""
    return EvaluationPlan(
        out=options.out,
        models=tuple(options.model),
        teacher=options.teacher,
        labels=options.labels,
        topic=options.topic,
        device=options.device,
        intensity_scale=options.intensity_scale,
        score_threshold=options.score_threshold,
        rate_hz=options.rate,
        columns=parse_columns(options.columns),
        ego_distance_m=options.ego_distance,
        z_offset_m=options.z_offset,
    )


def _check(options: argparse.Namespace) -> None:
    """Raise ``ValueError`` for numbers that make no sense."""
    if options.jobs < 1:
        raise ValueError(f"--jobs: expected 1 or more, got {options.jobs}")
    if not (math.isfinite(options.rate) and options.rate > 0):
        raise ValueError(f"--rate: expected more than 0 Hz, got {options.rate}")
    if options.scheduler and not isinstance(options.out, Path):
        raise ValueError(
            f"--out: expected a folder that all workers of --scheduler see, got {options.out}"
        )
    if options.score_threshold is not None and not 0 <= options.score_threshold <= 1:
        raise ValueError(f"--score-threshold: expected 0 to 1, got {options.score_threshold}")


def _conditions(
    plan: EvaluationPlan, device: str, jobs: int, summaries: Sequence[ModelSummary]
) -> dict[str, Any]:
    """Return what was run, and on what machine."""
    names = [summary.name for summary in summaries]
    return {
        "model_files": dict(zip(names, map(str, plan.models), strict=True)),
        "measured_by": str(plan.teacher or plan.labels or "labels of the recordings"),
        "score_threshold": {
            each.name: ", ".join(f"{name} {least:.2f}" for name, least in each.thresholds.items())
            for each in summaries
        },
        "intensity_scale": plan.intensity_scale,
        "z_offset": AUTO if plan.z_offset_m is None else plan.z_offset_m,
        "device": device,
        "processes": jobs,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _unknown_labels(results: Sequence[RecordingResult], classes: Sequence[str]) -> dict[str, int]:
    """Count the labels of all recordings that are no class of the models, by name."""
    counts = sum((result.label_names for result in results), Counter[str]())
    return unknown_names(counts, classes)


def _remarks(
    results: Sequence[RecordingResult], unknown: dict[str, int], classes: Sequence[str]
) -> list[str]:
    """Return what a reader should know of the recordings and their labels."""
    remarks = [line for result in results for line in result.remarks]
    return remarks + ([describe_unknown(unknown, classes)] if unknown else [])


def _lines(summaries: Sequence[ModelSummary]) -> list[str]:
    """For the terminal: a line for each model and class."""
    lines = []
    for summary in summaries:
        latency = quantiles(summary.latency_ms)
        runs = summary.real_time.values()
        lines.append(
            f"{summary.name}: {len(summary.latency_ms)} clouds, latency p50 {latency['p50']:.1f},"
            f" p95 {latency['p95']:.1f} ms, dropped in real time {sum(r.dropped for r in runs)}"
        )
        lines += remarks(summary.not_finite, len(summary.latency_ms))
        if summary.accuracy is not None:
            lines.append(format_table(summary.accuracy.loose[ALL_RANGES]))
            lines += ["boxes from these scores on; ghosts touch nothing that is there",
                      format_operating_point(summary.accuracy.operating_point)]  # fmt: skip
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.evaluate_recording",
        "Score detectors on recordings, without ROS: how right, how fast, where wrong.",
        _EXAMPLES,
    )
    add = parser.add_argument
    add(
        "recordings", type=location, nargs="+", metavar="BAG",
        help="recording (rosbag2 folder, .mcap, .db3, .bag), or a folder of .bin, .npz or .pcd;"
        " also at an address of fsspec (s3://...)",
    )  # fmt: skip
    add(
        "--model", type=Path, action="append", required=True,
        help="checkpoint (.safetensors), or the name of one that ships: sim_student, ...; give it"
        " again for others, to set them side by side",
    )  # fmt: skip
    _add_reference(parser)
    add("--out", type=location, required=True, help="folder for the report, pictures and views")
    add("--topic", help="of the clouds in a recording; default: the only PointCloud2 topic")
    add(
        "--jobs", type=int, default=1,
        help="recordings at a time, each in its own process; latency is best measured with 1"
    )  # fmt: skip
    add_scheduler(parser)
    add("--device", default="auto", help="auto, cpu or cuda:N")
    _add_numbers(parser)
    add_z_offset(parser)
    add_columns(parser)
    add_ego_distance(parser)
    add("--json", type=Path, metavar="FILE", help="write report.json here as well")
    return parser


def _add_reference(parser: argparse.ArgumentParser) -> None:
    """Add what the models are measured by: a teacher or labels, not both."""
    reference = parser.add_mutually_exclusive_group()
    reference.add_argument(
        "--teacher", type=Path,
        help="checkpoint whose boxes the models are measured by, in place of labels",
    )  # fmt: skip
    reference.add_argument(
        "--labels", metavar="TOPIC-OR-DIR",
        help="topic of boxes in the recording, or a recording that has it; for folders of clouds"
        " a KITTI object folder or objects.json; default: the topic /ground_truth, or what lies"
        " beside the clouds",
    )  # fmt: skip


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--score-threshold", type=float,
        help="least score of boxes that are compared one by one, drawn and counted, and of the"
        " teacher's boxes that are asked for; default: each checkpoint's own for each class, as"
        " the node's; average precision takes all"
    )  # fmt: skip
    add(
        "--rate", type=float, default=10.0,
        help="Hz at which clouds in files would have come; recordings know theirs"
    )  # fmt: skip
    add(
        "--intensity-scale", type=float, default=1.0,
        help="intensities are multiplied by it, to bring them to [0, 1]"
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
