"""Check before any weights are loaded whether methods can work for a pair of networks."""

from collections.abc import Iterator
from pathlib import Path

from pd_ros.detection.checkpoint import read_config
from pd_ros.detection.families import AnyModelConfig
from training.config.area import area_of, over_area
from training.config.distillation import DistillConfig
from training.config.run import TrainConfig
from training.distillation.method import ConfigPair, MethodUse, pair_of
from training.distillation.methods import methods_for
from training.objectives.families import compares_maps, objective_of


def check_distillation(run: TrainConfig, student: AnyModelConfig) -> ConfigPair | None:
    """The student and its teacher as they look at the same area; None without distillation.

    ``student``: as it is trained. Raises ``ValueError`` with one line for everything that cannot
    work, and what to change. Of the teacher's checkpoint only the config is read.
    """
    config = run.distill
    if config is None:
        return None
    pair = _pair(student, read_config(Path(config.teacher)))
    problems = [*_networks(pair), *_clouds(run, pair), *_methods(run, config, pair)]
    if problems:
        raise ValueError("\n".join(f"distill.{problem}" for problem in problems))
    return pair


def _pair(student: AnyModelConfig, teacher: AnyModelConfig) -> ConfigPair:
    area_m = area_of(student)
    try:
        return ConfigPair(student, over_area(teacher, area_m))
    except ValueError as error:
        assert area_m is not None
        raise ValueError(
            f"distill.teacher: {teacher.name} must look at the area of the student, x and y from"
            f" {area_m[:2]} to {area_m[2:]} m, and cannot; change grid.range_m or area_m: {error}"
        ) from None


def _networks(pair: ConfigPair) -> Iterator[str]:
    student, teacher = pair
    if teacher.classes != student.classes:
        yield (
            f"teacher: {teacher.name} knows the classes {list(teacher.classes)}, the student"
            f" {list(student.classes)}; they must be equal: train or choose another teacher"
        )
    if teacher.features != student.features:
        yield (
            f"teacher: {teacher.name} wants points with {list(teacher.features)}, the student with"
            f" {list(student.features)}; they must be equal: choose another teacher"
        )


def _clouds(run: TrainConfig, pair: ConfigPair) -> Iterator[str]:
    if any(source.teacher_points for source in run.data) and not compares_maps(pair.student):
        yield (
            f"teacher: {pair.teacher.name} is compared with the student point by point, and data"
            " names teacher_points, which are others; leave them out"
        )


def _methods(run: TrainConfig, config: DistillConfig, pair: ConfigPair) -> Iterator[str]:
    """List what each method that is on requires and does not get."""
    able = methods_for(pair)
    for name, settings in config.chosen.items():
        if name not in able:
            student, teacher = (objective_of(network).compared for network in pair)
            yield (
                f"{name}: cannot compare {student} (student) with {teacher} (teacher); of these"
                f" {' and '.join(able)} can learn"
            )
            continue
        use = MethodUse(name, settings, pair_of(pair), run)
        for requirement in able[name].requires:
            yield from requirement(use)
