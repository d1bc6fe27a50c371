"""Which methods can work for a pair of networks; said before any weights are loaded."""

from collections.abc import Iterator
from pathlib import Path

from pd_ros.detection.bev.decode_center import tells_direction
from pd_ros.detection.checkpoint import read_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, CenterHeadConfig
from pd_ros.detection.families import AnyModelConfig
from training.config.area import area_of, over_area
from training.config.distillation import DistillConfig
from training.config.run import TrainConfig
from training.distillation.checks.feature import feature_problems, local_problems
from training.distillation.checks.initialise import initialise_problems
from training.distillation.checks.point import point_problems
from training.distillation.method import BevPair, ConfigPair, pair_of


def check_distillation(run: TrainConfig, student: AnyModelConfig) -> ConfigPair | None:
    """The student and its teacher as they look at the same area; None without distillation.

    ``student``: as it is trained. Raises ``ValueError`` with one line for everything that cannot
    work, and what to change. Of the teacher's checkpoint only the config is read.
    """
    config = run.distill
    if config is None:
        return None
    pair = _pair(student, read_config(Path(config.teacher)))
    problems = [*_networks(pair), *_labels(config, pair), *_unlabelled(run)]
    above = pair_of(pair)
    if isinstance(above, BevPair):
        problems += [*_heads(config, above), *local_problems(config, above)]
        problems += [*feature_problems(config, above), *_compared(run, above)]
        problems += _initialise(run, above)
    else:
        problems += point_problems(config, pair)
    if problems:
        raise ValueError("\n".join(f"distill.{problem}" for problem in problems))
    return pair


def _pair(student: AnyModelConfig, teacher: AnyModelConfig) -> ConfigPair:
    if not (isinstance(student, ModelConfig) and isinstance(teacher, ModelConfig)):
        return ConfigPair(student, teacher)
    area_m = area_of(student)
    try:
        return ConfigPair(student, over_area(teacher, area_m))
    except ValueError as error:
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


# Methods that need two heads of a kind, of which some compare boxes, or maps of the same size.
_OF_CENTRES = (
    *("logit", "rank_distribution", "regression"),
    *("gid_response", "gid_feature", "assignment"),
)
_OF_ONE_BOX = ("regression", "gid_response", "assignment")
_OF_ANCHORS = ("anchor_logit", "anchor_regression")
_OF_ONE_SIZE = (*_OF_ANCHORS, "regression", "gid_response", "gid_feature", "assignment")


def _heads(config: DistillConfig, pair: BevPair) -> Iterator[str]:
    centres = [isinstance(network.head, CenterHeadConfig) for network in pair]
    for name in _on(config, _OF_CENTRES):
        if not all(centres):
            yield (
                f"{name}: expected heads that find centres, got {_kinds(pair)}; for anchor heads"
                " take anchor_logit and anchor_regression"
            )
    axes = [tells_direction(network) for network in pair]
    for name in _on(config, _OF_ONE_BOX):
        if axes[0] != axes[1]:
            yield (
                f"{name}: the heads write boxes differently, head.direction is {axes[0]} of the"
                f" student and {axes[1]} of the teacher; remove it or change a network"
            )
    boxes = [_boxes_of_a_cell(network) for network in pair]
    if all(centres) and boxes[0] != boxes[1]:
        for name in _on(config, _OF_ONE_BOX):
            yield (
                f"{name}: the heads write other boxes, {boxes[0]} of the student and {boxes[1]} of"
                " the teacher; remove it or choose another teacher"
            )
    for name in _on(config, _OF_ANCHORS):
        if any(centres):
            yield (
                f"{name}: expected two heads with anchors, got {_kinds(pair)}; for heads that find"
                " centres take logit and regression"
            )
    heads = pair.student.head, pair.teacher.head
    anchors = [head.per_cell if isinstance(head, AnchorHeadConfig) else 0 for head in heads]
    if anchors[0] != anchors[1]:
        for name in _on(config, (*_OF_ANCHORS, "hinton")):
            yield (
                f"{name}: expected heads of one kind with as many anchors, got {_kinds(pair)} with"
                f" {anchors[0]} and {anchors[1]} anchors in a cell; remove it or change a network"
            )
    sizes = [_map_sizes(network) for network in pair]
    if sizes[0] != sizes[1]:
        for name in _on(config, _OF_ONE_SIZE):
            yield (
                f"{name}: expected head maps of the same size, got {sizes[0]} and {sizes[1]} cells"
                " (student, teacher); remove it"
            )
    yield from _pyramids(config, max(sizes, key=len))


def _boxes_of_a_cell(network: ModelConfig) -> str:
    return f"{len(network.class_groups)} x {network.box_values} values"


def _map_sizes(network: ModelConfig) -> list[tuple[int, int]]:
    """Rows and columns of each map that the head looks at, finest first."""
    rows, columns = network.grid.size
    return [(rows // stride, columns // stride) for stride in network.level_strides]


def _pyramids(config: DistillConfig, levels: list[tuple[int, int]]) -> Iterator[str]:
    """What compares one map of a head cannot compare that of a pyramid, which has several."""
    if len(levels) == 1:
        return
    if config.hinton is not None:
        yield f"hinton: compares one map, a pyramid's head has {len(levels)}; take anchor_logit"
    if config.anchor_logit is not None and config.anchor_logit.positions == "inside":
        yield (
            f"anchor_logit.positions: inside needs a head of one map, a pyramid's has"
            f" {len(levels)}; take positive"
        )


def _on(config: DistillConfig, names: tuple[str, ...]) -> Iterator[str]:
    """Those of the methods that are on."""
    return (name for name in names if getattr(config, name) is not None)


def _kinds(pair: BevPair) -> str:
    student, teacher = (network.head.kind for network in pair)
    return f"{student} (student) and {teacher} (teacher)"


def _labels(config: DistillConfig, pair: ConfigPair) -> Iterator[str]:
    if config.labels is None:
        return
    named = {*config.labels.thresholds, *config.labels.by_overlap}
    unknown = sorted(named - set(pair.student.classes))
    if unknown:
        yield f"labels: {unknown} are none of the classes {list(pair.student.classes)}"


def _initialise(run: TrainConfig, pair: BevPair) -> Iterator[str]:
    config = run.distill.initialise if run.distill else None
    if config is None:
        return
    if run.initialise_from is not None:
        yield "initialise: initialise_from says otherwise; remove one of them"
    source: AnyModelConfig = pair.teacher
    if config.checkpoint is not None:
        source = read_config(Path(config.checkpoint))
    if not isinstance(source, ModelConfig):
        yield f"initialise.checkpoint: {source.name} takes raw points; name one that does not"
        return
    if source.classes != pair.student.classes and "head" not in config.exclude:
        yield "initialise: the networks have different classes; exclude head"
    yield from initialise_problems(config, pair.student, source)


def _compared(run: TrainConfig, pair: BevPair) -> Iterator[str]:
    config = run.distill
    assert config is not None
    if config.similarity is not None and run.schedule.batch_size < 2:
        yield (
            "similarity: compares the scenes of a batch, and schedule.batch_size is 1; raise it to"
            " 2 or more"
        )
    stages = [len(network.backbone.widths) for network in pair]
    taps = {
        "fitnets": config.fitnets and config.fitnets.tap,
        "attention": config.attention and config.attention.tap,
        "similarity": config.similarity and config.similarity.tap,
        "overhaul": config.overhaul and "stages",
    }
    for name, tap in taps.items():
        if tap == "stages" and stages[0] != stages[1]:
            yield (
                f"{name}: the backbones have {stages[0]} and {stages[1]} stages (student,"
                " teacher); take `tap: neck` or another method"
            )


def _unlabelled(run: TrainConfig) -> Iterator[str]:
    config = run.distill.unlabelled if run.distill else None
    if config is None:
        return
    if all(source.labelled for source in run.data):
        yield "unlabelled: no source of data says labelled: false; remove it, or name one"
    if config.calibration_sweeps and not any(s.labelled for s in run.validation or run.data):
        yield (
            "unlabelled.calibration_sweeps: there is no labelled source to calibrate scores on;"
            " add one under validation, or set it to 0 to take scores as they are"
        )
