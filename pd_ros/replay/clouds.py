"""placeholder"""
from typing import Any
import numpy as np
from pd_ros.replay.detection_arrays import Float32


def cloud_points(message: Any, intensity_scale: float, where: str) -> Float32:
    names = {f.name: f.offset for f in message.fields}
    n = message.width * message.height
    raw = np.frombuffer(message.data, np.uint8).reshape(n, message.point_step)
    out = np.zeros((n, 4), np.float32)
    for c, k in enumerate(("x", "y", "z", "intensity")):
        if k in names:
            out[:, c] = raw[:, names[k]:names[k] + 4].copy().view("<f4")[:, 0]
    out[:, 3] /= intensity_scale
    return out
