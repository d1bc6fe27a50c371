"""Score the checkpoint of one job of a benchmark and count what it computes.

python -m training.benchmark.jobs.score runs/benchmark/smoke/students/pillars/none/seed_1
"""

import json
import logging
import sys
from pathlib import Path

import torch

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.lidar import MIN_POINTS
from pd_ros.process.run_command import command_parser, run_command
from training.benchmark.jobs.frame_counts import FrameCounts, count_frames, write_counts
from training.benchmark.jobs.job import JobResult, Scores, Task, read_task, write_result
from training.benchmark.jobs.origin import commit, machine
from training.config.run import SourceConfig
from training.datasets.source import open_source
from training.evaluate.scoring import detect_source, score_sweeps
from training.profile.operations import Operations, count_operations

_LOG = logging.getLogger("training.benchmark.jobs.score")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = command_parser(
        "training.benchmark.jobs.score",
        "Score the checkpoint of one job of a benchmark; writes its result.json.",
        "example: python -m training.benchmark.jobs.score"
        " runs/benchmark/smoke/students/pillars/none/seed_1",
    )
    parser.add_argument("folder", type=Path, help="of the job")
    folder = parser.parse_args(arguments).folder
    return run_command(
        "training.benchmark.jobs.score",
        lambda: write_result(folder, score(read_task(folder), folder)),
        _LOG,
    )


def score(task: Task, folder: Path) -> JobResult:
    """AP on every source, and the cost on the first sweep of the first one.

    What each sweep counts goes into the folder. Raises ``ValueError`` for a bad checkpoint, or
    bad data.
    """
    path = Path(task.checkpoint)
    predictor = Predictor.from_checkpoint(path, "auto", "auto")
    min_points = task.run.min_points if task.run else MIN_POINTS
    found = {name: _score(predictor, source, min_points) for name, source in task.test.items()}
    write_counts(folder, {name: counts for name, (_, counts) in found.items()})
    cost = _cost(path, next(iter(task.test.values())))
    return JobResult(
        task=task,
        scores={name: scores for name, (scores, _) in found.items()},
        parameters=sum(
            parameter.numel() for parameter in load_checkpoint(path).model.parameters()
        ),
        **cost._asdict(),
        train_seconds=_train_seconds(folder / "log.jsonl"),
        commit=commit(),
        machine=machine(),
    )


def _score(
    predictor: Predictor, source: SourceConfig, min_points: int
) -> tuple[Scores, dict[str, FrameCounts]]:
    """AP of every class by measure, and what each sweep counts for the first class."""
    classes = predictor.config.classes
    sweeps = detect_source(predictor, predictor.config, source, min_points)
    found = score_sweeps(sweeps, classes)
    scores = {
        f"{view}_{overlap}": {
            name: round(getattr(row, f"ap_{view}_r40"), 3)
            for name, row in rows.items()
            if row.num_truth
        }
        for view in ("bev", "3d")
        for overlap, rows in (("strict", found.strict), ("loose", found.loose))
    }
    if not all(scores.values()):
        raise ValueError(f"{source.path}: has no object to find; score on other sweeps")
    return scores, count_frames(sweeps, classes[0])


def _cost(path: Path, source: SourceConfig) -> Operations:
    # Loaded again: the predictor changes its network.
    model, config, *_ = load_checkpoint(path)
    sweep = open_source(source, config.classes, config.features)[0]
    return count_operations(model, torch.from_numpy(sweep.points), config)


def _train_seconds(log: Path) -> float:
    if not log.exists():
        return 0.0
    lines = log.read_text(encoding="utf-8").splitlines()
    return float(sum(json.loads(line)["seconds"] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
