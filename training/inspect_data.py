"""Look at the data of a run before it trains: what is there, and what is wrong with it.

python -m training.inspect_data config/train/real_student.yaml
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

from pd_ros.detection.config.base import load_config
from pd_ros.detection.families import AnyModelConfig, load_model_config
from pd_ros.process.run_command import command_parser, run_command
from training.config.run import TrainConfig
from training.datasets.survey import RANGES_M, Survey, survey_source
from training.simulate.picture import DrawnSweep, draw_sweeps

_LOG = logging.getLogger("training.inspect_data")
_SHOWN = 10  # problems of a source; --json has all
_DRAWN = 3  # sweeps of a source
_EXAMPLE = """example:
  python -m training.inspect_data config/train/real_student.yaml --out out/inspect --json data.json
The exit code is 1 where something has to be mended.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 1 where the data has problems."""
    options = _parser().parse_args(arguments)
    return run_command("training.inspect_data", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> int:
    if options.frames is not None and options.frames < 1:
        raise ValueError(f"--frames: expected 1 or more, got {options.frames}")
    run = load_config(options.config, TrainConfig)
    model = load_model_config(Path(run.model))
    content = inspect_run(run, model, options.out, options.frames, options.seed)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 1 if any(source["problems"] for source in content.values()) else 0


def inspect_run(
    run: TrainConfig, model: AnyModelConfig, out: Path, most: int | None, seed: int
) -> dict[str, dict[str, object]]:
    """Inspect all sources of a run, show what is found and draw some sweeps into ``out``.

    ``most``: how many sweeps of each source are read, drawn at random; None: all. Returns per
    place in the YAML (``data.0``) what ``--json`` writes.
    """
    content = {}
    for part, sources in (("data", run.data), ("validation", run.validation)):
        for number, source in enumerate(sources):
            rng = np.random.default_rng((seed, number))
            survey = survey_source(source, model.classes, model.features, most, rng)
            picture = out / f"{part}_{number}.png"
            drawn = draw_some(picture, survey, model.classes, rng)
            place = f"{part}.{number}"
            content[place] = to_json(survey, model.classes, picture if drawn else None)
            sys.stdout.write(f"{place}: {format_survey(survey, model.classes)}\n\n")
    return content


def draw_some(path: Path, survey: Survey, classes: Sequence[str], rng: Generator) -> bool:
    """Draw some of the inspected sweeps with their boxes; False where there are none."""
    if survey.frames is None or not survey.inspected:
        return False
    count = min(_DRAWN, len(survey.inspected))
    chosen = rng.choice(len(survey.inspected), size=count, replace=False)
    names = (*classes, "ignored")  # IGNORED is -1
    sweeps = []
    for number in sorted(survey.inspected[i] for i in chosen):
        frame = survey.frames[number]
        points = np.zeros((len(frame.points), 4), np.float32)
        width = min(4, frame.points.shape[1])
        points[:, :width] = frame.points[:, :width]
        labels = tuple(names[label] for label in frame.labels)
        title = survey.frames.name(number)[-60:]
        sweeps.append(DrawnSweep(title, points, frame.boxes, labels))
    draw_sweeps(path, sweeps)
    return True


def format_survey(survey: Survey, classes: Sequence[str]) -> str:
    """Return one source as text: boxes and points per box by class and range, problems, notes."""
    head = f"{survey.source.path} ({survey.source.format})"
    lines = [f"{head}: cannot be opened"]
    if survey.frames is not None:
        read = max(len(survey.inspected), 1)
        lines = [
            f"{head}: {len(survey.frames)} sweeps, {len(survey.inspected)} inspected,"
            f" {survey.points // read} points each",
            f"  {'boxes, points in each':<22}" + "".join(f"{name:>18}" for name in _range_names()),
        ]
        for name, row in zip((*classes, "ignored"), survey.counts, strict=True):
            cells = (f"{boxes:8d}{points / max(boxes, 1):10.1f}" for boxes, points, _ in row)
            lines.append(f"  {name:<22}" + "".join(cells))
    lines += [f"  wrong: {text}" for text in survey.problems[:_SHOWN]]
    if len(survey.problems) > _SHOWN:
        lines.append(f"  wrong: {len(survey.problems) - _SHOWN} more; --json has them all")
    lines += [f"  note: {text}" for text in survey.notes]
    return "\n".join(lines)


def to_json(survey: Survey, classes: Sequence[str], picture: Path | None) -> dict[str, object]:
    """Return one source as ``--json`` writes it."""
    columns = ("boxes", "points", "without_points")
    return {
        "path": survey.source.path,
        "format": survey.source.format,
        "sweeps": 0 if survey.frames is None else len(survey.frames),
        "inspected": len(survey.inspected),
        "points": survey.points,
        "boxes": {
            name: {
                ring: dict(zip(columns, cell, strict=True))
                for ring, cell in zip(_range_names(), row, strict=True)
            }
            for name, row in zip((*classes, "ignored"), survey.counts.tolist(), strict=True)
        },
        "problems": list(survey.problems),
        "notes": list(survey.notes),
        "picture": None if picture is None else str(picture),
    }


def _range_names() -> list[str]:
    ends = [f"{end:g} m" if np.isfinite(end) else "" for end in RANGES_M[1:]]
    return [f"{low:g} - {end}".strip() for low, end in zip(RANGES_M, ends, strict=False)]


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.inspect_data",
        "Look at the data of a run: what is there, and what is wrong with it.",
        _EXAMPLE,
    )
    parser.add_argument("config", type=Path, help="YAML of the run")
    parser.add_argument(
        "--out", type=Path, default=Path("out/inspect_data"), help="folder for the pictures"
    )
    parser.add_argument(
        "--frames", type=int, help="read only about so many sweeps of each source, at random"
    )
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn at random")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was found here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
