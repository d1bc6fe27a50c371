"""The comparison node's ROS parameters; all are read once, at the start."""

from collections.abc import Mapping

from pd_ros.pointcloud.z_offset import CLOUDS, Z_OFFSET
from pd_ros.runtime.parameters.rules import why_no_number_or_word
from pd_ros.runtime.parameters.specs import SPECS, Spec


def _spec(
    name: str,
    default: bool | int | float | str,
    description: str,
    limits: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Spec:
    return Spec(name, default, description, read_only=True, limits=limits, choices=choices)


def _as_the_students(name: str, description: str) -> Spec:
    """Return the detector's parameter of that name, here read once."""
    (spec,) = (spec for spec in SPECS if spec.name == name)
    return spec._replace(description=description, read_only=True, at_configure=False)


COMPARISON_SPECS = (
    _spec(
        "teacher.checkpoint", "",
        "Checkpoint (.safetensors) of the teacher; empty: the one that comes with pd_ros.",
    ),
    _spec(
        "teacher.device", "cpu", "Where the teacher runs: cpu, cuda:N or auto; on the student's"
        " GPU it costs the student time.",
    ),
    _spec("teacher.score_threshold", -1.0, "Lowest score of a box that the student should find;"
          " below 0: the teacher's checkpoint's own for each class.", limits=(-1.0, 1.0)),
    _spec("every", 5, "Compare every n-th cloud of those that the student answers.",
          limits=(1, 100_000)),
    _spec("classes", "", "Classes that are compared, as in 'car, truck'; empty: the teacher's."),
    _spec(
        "input.reliability", "best_effort", "How clouds are asked for; with best effort nothing"
        " that happens here can hold up their publisher.", choices=("best_effort", "reliable"),
    ),
    _as_the_students("input.intensity.scale", "As the student's."),
    _as_the_students(Z_OFFSET, f"As the student's, in metres; auto: from the first {CLOUDS} clouds"
                     " compared, for which nothing is published."),
    _as_the_students("postprocess.ego_distance", "As the student's, in metres."),
    _spec("process.nice", 10, "How far this process steps back for others.", limits=(0, 19)),
    _spec("process.threads", 1, "Threads of the teacher on a CPU.", limits=(1, 256)),
    _spec("window", 100, "Compared clouds that the diagnostics are computed over.",
          limits=(1, 100_000)),
    _spec("limits.recall", 0.5, "Diagnostics warn if the student finds less than this share of a"
          " class' boxes.", limits=(0.0, 1.0)),
    _spec("limits.precision", 0.5, "Diagnostics warn if less than this share of the student's"
          " boxes of a class is the teacher's, too.", limits=(0.0, 1.0)),
    _spec("limits.teacher_time", 10.0, "Seconds that the teacher may take for one cloud.",
          limits=(0.1, 3600.0)),
    _spec("record.folder", "", "Folder for the clouds of the largest disagreement, one"
          " recording each; empty: keep none."),
    _spec("record.count", 50, "Most recordings kept.", limits=(1, 100_000)),
    _spec("record.megabytes", 500, "Most megabytes that they take together.",
          limits=(1, 10_000_000)),
    _spec("record.min_disagreement", 1.0, "Least disagreement to keep a cloud: about the number"
          " of boxes that one side has alone.", limits=(0.0, 1e6)),
    _as_the_students("output.markers", "Publish ~/markers while somebody subscribes to it."),
    _as_the_students("diagnostics.period", "Seconds between two messages on /diagnostics."),
)  # fmt: skip


def check_values(values: Mapping[str, object]) -> None:
    """Raise ``ValueError`` for a value that rclpy accepts and that makes no sense."""
    for spec in COMPARISON_SPECS:
        value = values[spec.name]
        if spec.words and (reason := why_no_number_or_word(spec, value)):
            raise ValueError(f"parameter {spec.name}: {reason}")
        if spec.choices and value not in spec.choices:
            raise ValueError(
                f"parameter {spec.name}: expected one of {', '.join(spec.choices)}, got {value!r}"
            )
