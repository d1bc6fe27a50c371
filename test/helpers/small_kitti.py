"""A KITTI object folder of a few points, with a camera whose axes are the LiDAR's."""

from pathlib import Path

import numpy as np

# 0.3 m before and 0.1 m below the LiDAR; 700 pixels a metre at 1 m, middle at (600, 180).
CALIBRATION = """P2: 700 0 600 0 0 700 180 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.1 1 0 0 -0.3
"""
# 10 m ahead of the camera, 2 m right, its underside 1.7 m below, driving away.
CAR = "Car 0 0 0 500 100 700 300 1.5 1.6 4 2 1.7 10 -1.5707963\n"
REGION = "DontCare -1 -1 -10 590 170 610 190 -1 -1 -1 -1000 -1000 -1000 -10\n"


def write_kitti(
    path: Path, labels: dict[str, str], points: np.ndarray, calibration: str = CALIBRATION
) -> Path:
    """Frames by name with the same cloud ``[N, 4]``."""
    folder = path / "training"
    for kind in ("velodyne", "label_2", "calib"):
        (folder / kind).mkdir(parents=True)
    for frame, text in labels.items():
        (folder / "label_2" / f"{frame}.txt").write_text(text)
        (folder / "calib" / f"{frame}.txt").write_text(calibration)
        (folder / "velodyne" / f"{frame}.bin").write_bytes(points.astype("<f4").tobytes())
    return path
