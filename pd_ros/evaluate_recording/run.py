"""All models over one recording: one pass over its clouds, one cloud in memory at a time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pd_ros.detection.not_finite import NOT_FINITE, NOT_FINITE_ADVICE
from pd_ros.evaluate_recording.frames import (
    KEPT,
    FrameJudge,
    FrameKeeper,
    FrameResult,
    PicturedFrame,
    Reference,
)
from pd_ros.evaluate_recording.options import (
    EvaluationPlan,
    RecordingTask,
    open_task,
)
from pd_ros.evaluate_recording.results import RecordingResult, RunningSums
from pd_ros.evaluate_recording.stored_boxes import BoxWriter
from pd_ros.evaluate_recording.view_recording import LABELS, TEACHER, writing_view
from pd_ros.recordings.sources import Source, Sweep, with_features
from pd_ros.replay.labelled_detector import NamedDetector, load_detectors
from pd_ros.runtime.diagnostics.first_look import remarks_on

VIEWS = "views"  # folder of the recordings to look at


@dataclass(frozen=True)
class Evaluator:
    """Loaded models and how they are judged; each process has its own."""

    plan: EvaluationPlan
    classes: tuple[str, ...]
    models: tuple[NamedDetector, ...]
    teacher: NamedDetector | None
    judge: FrameJudge

    @classmethod
    def load(cls, plan: EvaluationPlan) -> "Evaluator":
        """Load and warm up all models; ``ValueError`` for what cannot be loaded."""
        teachers = () if plan.teacher is None else (plan.teacher,)
        detectors, classes = load_detectors(
            (*plan.models, *teachers), plan.device, plan.ego_distance_m
        )
        models = tuple(detectors[: len(plan.models)])
        teacher = detectors[-1] if teachers else None
        ranges_m = tuple(model.range_m for model in models)
        thresholds = tuple(_thresholds(model, plan) for model in models)
        judge = FrameJudge(classes, ranges_m, thresholds)
        return cls(plan, classes, models, teacher, judge)

    def run(
        self, task: RecordingTask, local: Path, boxes: Path, on_frame: Callable[[], object]
    ) -> RecordingResult:
        """Run over one recording, and write ``views/NAME.mcap``; ``on_frame`` after each cloud.

        ``local``: where the recording lies on this machine; ``boxes``: the file that all boxes
        of measured clouds are written to.
        """
        source = with_features(open_task(local, self.plan), self._features())
        names, offset_remarks = Counter[str](), list[str]()
        for detector in (*self.models, *([self.teacher] if self.teacher else [])):
            offset_remarks += detector.use_offset(self.plan.z_offset_m, source, task.path)
        sums, keeper = RunningSums(self.judge.thresholds), FrameKeeper(source.count // KEPT)
        models = [model.name for model in self.models]
        path = self.plan.out / VIEWS / f"{task.name}.mcap"
        with (
            writing_view(path, models, self.classes, self.judge.thresholds) as view,
            BoxWriter(boxes, len(models)) as writer,
        ):
            first_ns: int | None = None
            for number, sweep in enumerate(source.sweeps()):
                recorded_ns = self._recorded_ns(sweep, number)
                first_ns = recorded_ns if first_ns is None else first_ns
                result = self._frame(source, sweep, (recorded_ns - first_ns) / 1e9)
                sums.add(result)
                if result.reference is not None:
                    writer.add(result.reference.truth, [each.found for each in result.answers])
                if sweep.truth is not None and self.teacher is None:
                    names.update(sweep.truth.names)
                keeper.offer(PicturedFrame(task.name, result, sweep.points[:, :4]))
                view.add(recorded_ns, sweep, result, TEACHER if self.teacher else LABELS)
                on_frame()
        return RecordingResult(
            name=task.name,
            path=task.path,
            recorded_s=sums.recorded_s(),
            models=sums.models(),
            box_counts=writer.counts(),
            boxes=boxes,
            pictured=keeper.frames(),
            label_names=names,
            thresholds=self.judge.thresholds,
            remarks=(*offset_remarks, *self._remarks(task, source)),
        )

    def _remarks(self, task: RecordingTask, source: Source) -> list[str]:
        """Return what is odd about the clouds, and what was left out."""
        remarks = remarks_on(
            source,
            {model.name: model.model_input for model in self.models},
            {model.name: model.z_offset_m for model in self.models},
        )
        own = {model.name: model.take_own_boxes() for model in self.models}
        return remarks + [
            f"note: {task.path}, {name}: {count} boxes on the sensor itself, the own vehicle's,"
            " were left out"
            for name, count in own.items()
            if count
        ]

    def _features(self) -> set[str]:
        """Return the features that any of the models wants of a point."""
        models = self.models if self.teacher is None else (*self.models, self.teacher)
        return {name for model in models for name in model.features}

    def _frame(self, source: Source, sweep: Sweep, recorded_s: float) -> FrameResult:
        view = None if self.teacher else sweep.view
        reference: Reference | None
        if self.teacher is None:
            reference = self.judge.labels(sweep)
        else:
            reference = self._teacher_reference(self.teacher, sweep, source.extras)
        answers = tuple(
            self.judge.answer(number, model(sweep.points, source.extras), reference, view)
            for number, model in enumerate(self.models)
        )
        return FrameResult(sweep.frame, recorded_s, reference, answers)

    def _teacher_reference(
        self, teacher: NamedDetector, sweep: Sweep, extras: tuple[str, ...]
    ) -> Reference:
        result = teacher(sweep.points, extras).result
        if result.not_finite:  # nothing can be measured by such boxes
            raise ValueError(
                f"{teacher.name}: {sweep.frame}: {result.not_finite} {NOT_FINITE};"
                f" {NOT_FINITE_ADVICE}"
            )
        thresholds = _thresholds(teacher, self.plan)
        return self.judge.teacher(result.detections, teacher.range_m, thresholds)

    def _recorded_ns(self, sweep: Sweep, number: int) -> int:
        """When the cloud came; files come at the plan's rate, from second 1 on."""
        if sweep.recorded_ns is not None:
            return sweep.recorded_ns
        return 1_000_000_000 + round(number * 1e9 / self.plan.rate_hz)


def _thresholds(model: NamedDetector, plan: EvaluationPlan) -> tuple[float, ...]:
    """Least scores by class: those that were asked for, or the checkpoint's own."""
    if plan.score_threshold is None:
        return model.thresholds
    return (plan.score_threshold,) * len(model.thresholds)
