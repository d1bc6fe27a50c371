"""Frame -> frame: flips, rotation, scale, height, intensity, missing points."""

import numpy as np
from numpy.random import Generator

from training.config.run import AugmentConfig
from training.datasets.frame import Float32, Frame


def augment(frame: Frame, config: AugmentConfig, rng: Generator) -> Frame:
    """Change a frame at random within the config's bounds; the input stays as it is."""
    moving = np.column_stack((frame.boxes, frame.all_velocities()))
    frame = _copied(frame, moving)
    if config.flip_x and rng.random() < 0.5:
        _flip_left_right(frame)
    if config.flip_y and rng.random() < 0.5:
        _flip_front_back(frame)
    _rotate(frame, rng.uniform(-config.rotation_rad, config.rotation_rad))
    _scale(frame, rng.uniform(1 - config.scale, 1 + config.scale))
    _shift_z(frame, rng.uniform(-config.shift_z_m, config.shift_z_m))
    _change_intensity(frame, config, rng)
    frame = frame._replace(boxes=moving[:, :7].copy(), velocities=moving[:, 7:].copy())
    return _drop_points(frame, config, rng)


def turned(frame: Frame, angle_rad: float) -> Frame:
    """Return a frame turned about the sensor; the input stays as it is."""
    moving = np.column_stack((frame.boxes, frame.all_velocities()))
    frame = _copied(frame, moving)
    _rotate(frame, angle_rad)
    return frame._replace(boxes=moving[:, :7].copy(), velocities=moving[:, 7:].copy())


def wrap(angle_rad: np.ndarray) -> np.ndarray:
    """Bring angles into ``[-pi, pi)``."""
    return (angle_rad + np.pi) % (2 * np.pi) - np.pi


# In what follows the boxes have their velocities behind them: [M, 9].


def _copied(frame: Frame, moving: Float32) -> Frame:
    theirs = frame.teacher_points
    return frame._replace(
        points=frame.points.copy(),
        boxes=moving,
        teacher_points=None if theirs is None else theirs.copy(),
    )


def _clouds(frame: Frame) -> list[Float32]:
    """What student and teacher see, which is moved alike."""
    theirs = frame.teacher_points
    return [frame.points] if theirs is None else [frame.points, theirs]


def _flip_left_right(frame: Frame) -> None:
    for points in _clouds(frame):
        points[:, 1] *= -1
    frame.boxes[:, [1, 8]] *= -1
    frame.boxes[:, 6] = wrap(-frame.boxes[:, 6])


def _flip_front_back(frame: Frame) -> None:
    for points in _clouds(frame):
        points[:, 0] *= -1
    frame.boxes[:, [0, 7]] *= -1
    frame.boxes[:, 6] = wrap(np.pi - frame.boxes[:, 6])


def _rotate(frame: Frame, angle_rad: float) -> None:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    turn = np.array([[cos, sin], [-sin, cos]], dtype=np.float32)  # row vectors
    for points in _clouds(frame):
        points[:, :2] = points[:, :2] @ turn
    frame.boxes[:, :2] = frame.boxes[:, :2] @ turn
    frame.boxes[:, 7:] = frame.boxes[:, 7:] @ turn
    frame.boxes[:, 6] = wrap(frame.boxes[:, 6] + angle_rad)


def _scale(frame: Frame, factor: float) -> None:
    for points in _clouds(frame):
        points[:, :3] *= factor
    frame.boxes[:, :6] *= factor
    frame.boxes[:, 7:] *= factor


def _shift_z(frame: Frame, shift_m: float) -> None:
    for points in _clouds(frame):
        points[:, 2] += shift_m
    frame.boxes[:, 2] += shift_m


def _change_intensity(frame: Frame, config: AugmentConfig, rng: Generator) -> None:
    """Sensors disagree about intensity: a network that leans on it does not travel."""
    if frame.points.shape[1] == 3:
        return
    factor = rng.uniform(1 - config.intensity_scale, 1 + config.intensity_scale)
    if rng.random() < config.intensity_drop:
        factor = 0.0
    for points in _clouds(frame):
        points[:, 3] = np.clip(points[:, 3] * factor, 0, 1)


def _drop_points(frame: Frame, config: AugmentConfig, rng: Generator) -> Frame:
    """Leave points out of what the student sees; a teacher sees all that there is for it."""
    share = rng.uniform(config.keep_points, 1.0)
    if share >= 1.0:
        return frame
    return frame._replace(points=frame.points[rng.random(len(frame.points)) < share])
