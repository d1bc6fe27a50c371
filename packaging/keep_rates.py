"""Move the thresholds of weights whose last run saw their validation: as many boxes as before it.

python packaging/keep_rates.py --judged JUDGED --shipped SHIPPED --clouds FOLDER

A last run on all sweeps there are leaves nothing to choose thresholds on, and its scores are
others than those of the run before. On clouds of ``.npz`` that neither has learnt from, labels
are not needed, SHIPPED gets the thresholds from which on it has as many boxes of each class as
JUDGED has at its own; precision and recall stay those of JUDGED.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # the checkout: pd_ros need not be installed

from pd_ros.detection.checkpoint import add_to_record, load_checkpoint  # noqa: E402
from pd_ros.detection.operating_point import KEY, read_operating_point  # noqa: E402
from pd_ros.detection.predictor import Predictor  # noqa: E402
from pd_ros.process.run_command import run_command  # noqa: E402
from pd_ros.recordings.cloud_files import read_cloud  # noqa: E402

_LEAST = 0.05  # boxes of lower scores are not looked at
_Scores = Mapping[str, NDArray[np.float32]]  # by class, falling


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("--judged", "--shipped", "--clouds"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args(arguments)
    return run_command("keep_rates", lambda: _keep(options))


def _keep(options: argparse.Namespace) -> str:
    clouds = sorted(options.clouds.glob("*.npz"))
    if not clouds:
        raise ValueError(f"--clouds: {options.clouds} holds no .npz; give a folder of sweeps")
    point = read_operating_point(load_checkpoint(options.judged).training, str(options.judged))
    if point is None:
        raise ValueError(f"--judged: {options.judged} has no thresholds; give the run before")
    before, now = (scores_of(path, clouds) for path in (options.judged, options.shipped))
    classes, lines = {}, []
    for name, chosen in point.classes.items():
        threshold = same_rate(before[name], now[name], chosen.threshold)
        classes[name] = {**chosen.model_dump(), "threshold": round(threshold, 6)}
        count = int((before[name] >= chosen.threshold).sum()) / len(clouds)
        change = f"{chosen.threshold:.3f} -> {threshold:.3f}"
        lines.append(f"{name}: {change}, {count:.2f} boxes a cloud")
    data = f"{point.data} (weights before the last run), as many boxes on {options.clouds.name}"
    add_to_record(options.shipped, {KEY: {"data": data, "classes": classes}})
    return "\n".join(lines)


def scores_of(path: Path, clouds: Sequence[Path]) -> _Scores:
    """Calibrated scores of all boxes by class, falling."""
    predictor = Predictor.for_clouds(path)
    points = (read_cloud(cloud, 1.0).points for cloud in clouds)
    found = [predictor.infer(cloud, least_score=_LEAST).detections for cloud in points]
    scores = np.concatenate([each.scores.numpy() for each in found])
    labels = np.concatenate([each.labels.numpy() for each in found])
    return {
        name: -np.sort(-scores[labels == number])
        for number, name in enumerate(predictor.config.classes)
    }


def same_rate(before: NDArray[np.float32], now: NDArray[np.float32], threshold: float) -> float:
    """The threshold at which ``now`` has as many scores as ``before`` has at its own.

    ``threshold`` where ``before`` has none; the lowest score where ``now`` has fewer.
    """
    count = min(int((before >= threshold).sum()), len(now))
    return float(now[count - 1]) if count else threshold


if __name__ == "__main__":
    sys.exit(main())
