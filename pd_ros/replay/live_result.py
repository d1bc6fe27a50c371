"""Collect what a live replay sent and got back: counts, latency, boxes, scores."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import Detections
from pd_ros.evaluation.plots.animation import DriveAnimation
from pd_ros.evaluation.plots.overview import save_birdseye
from pd_ros.recordings.detections import NamedBoxes, write_detections
from pd_ros.recordings.sources import Source
from pd_ros.replay.report import picture_title, write_detections_json
from pd_ros.replay.run import PICTURED_SWEEPS, Replay, add_sweep, latency_ms

LIVE = Path("live replay")  # in place of a recording's name in titles
PICTURE = "birdseye.png"


@dataclass
class LiveRun:
    """What was sent and what came back, by the clouds' stamps in nanoseconds."""

    sent_s: dict[int, float] = field(default_factory=dict)  # monotonic clock
    answered_s: dict[int, float] = field(default_factory=dict)
    answers: dict[int, NamedBoxes] = field(default_factory=dict)
    node_counts: dict[str, str] = field(default_factory=dict)  # the node's last diagnostics
    agreement: dict[str, str] = field(default_factory=dict)  # with a teacher, its last ones
    listens_after_s: float = 0.0  # from the start of the node's process

    def counts(self) -> dict[str, int]:
        """Clouds sent, answered, dropped by the node for a newer one, lost before the node."""
        received = int(self.node_counts.get("received", len(self.sent_s)))
        return {
            "sent": len(self.sent_s),
            "answered": len(self.answers),
            "dropped by the node": int(self.node_counts.get("dropped", 0)),
            "lost on the way": max(0, len(self.sent_s) - received),
        }


def collect(
    run: LiveRun,
    source: Source,
    config: AnyModelConfig,
    thresholds: tuple[float, ...] = (),
    animation: DriveAnimation | None = None,
) -> Replay:
    """Bring the answers together with the recording's clouds and ground truth.

    Latency is from the publication of a cloud to the arrival of its boxes. Clouds without an
    answer are left out. ``thresholds`` are those of :class:`Replay`; ``animation`` gets a frame
    for each answer.
    """
    result = Replay({}, {}, [], [], thresholds=thresholds)
    every = max(1, source.count // PICTURED_SWEEPS)
    sweeps = tqdm(
        source.sweeps(), total=source.count, desc="score and draw", unit="cloud", leave=False
    )
    for number, sweep in enumerate(sweeps):
        stamp = int(sweep.frame)
        if stamp not in run.answers:
            continue
        found = to_detections(run.answers[stamp], config.classes)
        add_sweep(result, sweep, found, config, number % every == 0, animation)
        result.latency_s.append(run.answered_s[stamp] - run.sent_s[stamp])
    return result


def to_detections(boxes: NamedBoxes, classes: tuple[str, ...]) -> Detections:
    """Named boxes as a model gives them, by falling score; names in lower case as published.

    Raises ``ValueError`` for a name that is none of the model's.
    """
    index = {name.lower(): number for number, name in enumerate(classes)}
    unknown = sorted(set(boxes.names) - index.keys())
    if unknown:
        raise ValueError(f"detections: expected classes {list(index)}, got {', '.join(unknown)}")
    order = np.argsort(-boxes.scores, kind="stable")
    labels = np.array([index[name] for name in boxes.names], np.int64)
    return Detections(*(torch.from_numpy(a[order]) for a in (boxes.boxes, boxes.scores, labels)))


def write_files(out: Path, run: LiveRun, result: Replay, config: AnyModelConfig) -> None:
    """Write detections.json, the recording ``detections`` and the picture birdseye.png."""
    write_detections_json(out / "detections.json", result, config.classes)
    recording = out / "detections"
    if (recording / "metadata.yaml").is_file():  # of an earlier run into the same folder
        shutil.rmtree(recording)
    write_detections(recording, sorted(run.answers.items()))
    if result.panels:
        title = picture_title(LIVE, result.thresholds, config.classes)
        save_birdseye(out / PICTURE, [*result.busiest, *result.panels], title)


def format_live(run: LiveRun, result: Replay) -> str:
    """Return counts and latency as text, one line each."""
    rows: dict[str, object] = {f"clouds {name}": count for name, count in run.counts().items()}
    for name, value in latency_ms(result).items():
        rows[f"latency {name} (ms)"] = f"{value:.1f}"
    rows["node listens after (s)"] = f"{run.listens_after_s:.1f}"
    rows["node's memory (MB)"] = run.node_counts.get("resident memory (MB)", "-")
    rows |= {f"teacher: {name}": value for name, value in run.agreement.items()}
    width = max(map(len, rows)) + 2
    return "\n".join(f"{name:{width}}{value:>8}" for name, value in rows.items())
