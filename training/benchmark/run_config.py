"""Runs of a benchmark: what a suite, a pair and a method say together, as a run's config."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pd_ros.detection.config.base import parse_config, read_yaml
from training.benchmark.suite import PLAIN, PairConfig, RowConfig, SearchConfig, SuiteConfig
from training.config.distillation import DistillConfig
from training.config.run import TrainConfig

_DIGITS = 6  # of a weight times a factor


def teacher_run(path: Path, changes: Mapping[str, Any], out: Path) -> TrainConfig:
    """The run of a YAML with changes and another folder; ``ValueError`` for a bad file."""
    content = merge(_read(path), {**changes, "out": str(out)})
    return parse_config(content, TrainConfig, str(path))


def student_run(
    suite: SuiteConfig, pair: PairConfig, name: str, seed: int, teacher: Path, out: Path
) -> TrainConfig:
    """The run of one method (``none``: without distillation), with its weights as they stand.

    Later ones change earlier ones: the pair's base, the suite, the pair, the method. It is of one
    budget. Raises ``ValueError`` with one line for each bad key.
    """
    method = pair.rows[name]
    content = _read(Path(pair.base)) if pair.base else {}
    content.pop("distill", None)
    for changes in (suite.run, pair.run, method.run):
        content = merge(content, changes)
    content |= {"model": pair.student, "seed": seed, "out": str(out)}
    if method.distill:
        content["distill"] = {"teacher": str(teacher), **method.distill}
    return parse_config(content, TrainConfig, f"{pair.name}, {name}")


def lengthened(run: TrainConfig, times: int, teacher: TrainConfig | None) -> TrainConfig:
    """The same run with its epochs ``times`` over, and a teacher's sweeps on top.

    Epochs stay whole, so that it has the teacher's steps and less than one epoch more. Raises
    ``ValueError`` for a rate that falls by steps, whose epochs would no longer fit.
    """
    schedule, more = run.schedule, 0
    if schedule.steps is not None and (times > 1 or teacher is not None):
        raise ValueError(
            "schedule.steps: names epochs of one budget, and a row has others; leave it out, or"
            " budgets and teacher_steps"
        )
    if teacher is not None:
        learnt = teacher.schedule.epochs * teacher.schedule.frames_per_epoch
        more = -(-learnt // schedule.frames_per_epoch)
    epochs = schedule.epochs * times + more
    return run.model_copy(update={"schedule": schedule.model_copy(update={"epochs": epochs})})


def has_weights(method: RowConfig) -> bool:
    """Whether a method has a term in the loss whose weight can be searched."""
    return bool(method.distill) and bool(_parsed(method).methods)


def scale_weights(method: RowConfig, factor: float) -> RowConfig:
    """The same method with the weight of each of its terms multiplied by a factor."""
    terms = _parsed(method).methods.items()
    weights = {name: {"weight": float(f"{term.weight * factor:.{_DIGITS}g}")}
               for name, term in terms}  # fmt: skip
    return method.model_copy(update={"distill": merge(method.distill, weights)})


def with_factor(pair: PairConfig, name: str, factor: float) -> PairConfig:
    """The same pair with the weights of one method multiplied."""
    if factor == 1 or name == PLAIN:
        return pair
    scaled = scale_weights(pair.methods[name], factor)
    return pair.model_copy(update={"methods": {**pair.methods, name: scaled}})


def with_budget(suite: SuiteConfig, search: SearchConfig) -> SuiteConfig:
    """The same suite with runs as short as those of the search."""
    budget = search.model_dump(include={"epochs", "frames_per_epoch"}, exclude_none=True)
    return suite.model_copy(update={"run": merge(suite.run, {"schedule": budget})})


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``: mappings are merged at every depth, all else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(before, value)
        else:
            merged[key] = value
    return merged


def _read(path: Path) -> dict[str, Any]:
    return dict(_read_once(path))


@cache
def _read_once(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected the keys of a run, got {type(content).__name__}")
    return content


def _parsed(method: RowConfig) -> DistillConfig:
    return parse_config({**method.distill, "teacher": ""}, DistillConfig, "distill")
