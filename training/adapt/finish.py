"""The end of an adaptation: score before and after, draw, and write what the user takes along."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pd_ros.detection.predictor import Predictor
from pd_ros.evaluate_recording.page import Gallery
from pd_ros.process.unfinished import whole_file
from training.adapt.compare import Judged, fallen_classes, judge
from training.adapt.node_file import write_node_file
from training.adapt.pictures import draw_own, draw_scenes
from training.adapt.report import as_text, report_page
from training.adapt.request import Amounts
from training.adapt.student import sweeps_of
from training.adapt.work import Work
from training.config.run import SourceConfig

_BEFORE, _AFTER = "as shipped", "adapted"


def finish(work: Work, checkpoint: Path, amounts: Amounts) -> str:
    """Write student, report and parameters; returns the text for the terminal."""
    places, request = work.places, work.request
    files = {_BEFORE: Path(request.base), _AFTER: checkpoint}
    students = {title: Predictor.from_checkpoint(path) for title, path in files.items()}
    test = sweeps_of(places, "test", request)
    judged = [judge(title, student, test) for title, student in students.items()]
    note = fall_note(fallen_classes(*judged), amounts)
    page = report_page(
        f"{places.out.stem}: {work.setting.rig.title}",
        amounts.held_back, judged, _draw(work, students, test), _conditions(work, amounts) | note,
    )  # fmt: skip
    with whole_file(places.report) as place:
        place.write_text(page, encoding="utf-8")
    with whole_file(places.out) as place:
        shutil.copyfile(checkpoint, place)
    known = students[_AFTER].config.classes
    write_node_file(
        places.node_file, places.out, request.z_shift_m, work.intensity_scale,
        [name for name in known if name not in request.classes],
    )  # fmt: skip
    return _summary(work, judged, note)


def fall_note(classes: Sequence[str], amounts: Amounts) -> dict[str, str]:
    """What to do where the adaptation has made classes worse; empty where it has not."""
    if not classes:
        return {}
    return {
        "note": f"AP of {', '.join(classes)} is lower than as shipped: {amounts.frames} scenes and"
        f" {amounts.steps} steps may be too few. Ask for more --minutes under another --out, or"
        " keep the student that ships"
    }


def _draw(work: Work, students: Mapping[str, Predictor], test: SourceConfig) -> list[Gallery]:
    places, shift_m = work.places, work.request.z_shift_m
    folder = places.folder / "pictures"
    scenes = draw_scenes(folder, students, test)
    galleries = [Gallery("scenes", "Held-back scenes", scenes, beside=False)]
    if work.recordings:
        own = draw_own(folder, students, sorted(places.own.glob("*.npz")), shift_m)
        galleries.append(Gallery("own", "Your own clouds", own, beside=False))
    return galleries


def _conditions(work: Work, amounts: Amounts) -> dict[str, str]:
    request = work.request
    return {
        "sensor": f"{request.sensor} ({work.setting.rig.title})",
        "mounted": f"{request.height_m:g} m above the ground, pitch {request.pitch_deg:g}°, roll"
        f" {request.roll_deg:g}°",
        "started from": request.base,
        "taught by": f"{request.teacher}, through {work.setting.teachers.title}",
        "scenes": f"{amounts.frames} to learn from, {amounts.held_back} to choose the epoch and"
        f" the thresholds on, {amounts.held_back} reported here; seed {request.seed}",
        "steps": f"{amounts.steps} of two scenes",
        "own recordings": ", ".join(request.recordings) or "none",
        "time asked for": f"{request.minutes:g} min",
    }


def _summary(work: Work, judged: list[Judged], notes: Mapping[str, str]) -> str:
    places = work.places
    return "\n".join([
        as_text(judged),
        *(f"{name}: {text}" for name, text in notes.items()),
        f"student: {places.out}",
        f"report: {places.report}",
        f"node: ros2 launch pd_ros detector.launch.py params_file:={places.node_file}"
        " input_topic:=YOUR_TOPIC",
    ])  # fmt: skip
