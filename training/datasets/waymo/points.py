"""Range images of the Waymo Open Dataset to points (Sun et al. 2020; the data set's description).

A row of a range image is a beam, the uppermost first; a column is a direction, turning clockwise
from straight behind. A pixel holds range (m), intensity, elongation and whether it lies in a zone
that nobody labelled.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Float64 = NDArray[np.float64]


def range_image_points(image: Float64, inclination: Float64, extrinsic: Float64) -> Float64:
    """Points ``[H, W, 3]`` in the vehicle's frame; what has no echo is at the sensor.

    ``image``: ranges ``[H, W]``; ``inclination``: of the beams ``[H]`` in radians, as the rows;
    ``extrinsic``: vehicle from LiDAR ``[4, 4]``.
    """
    width = image.shape[1]
    # Columns are counted in the vehicle's directions, so the sensor's own turn is taken off.
    turn = np.arctan2(extrinsic[1, 0], extrinsic[0, 0])
    azimuth = np.pi * (1 - (2 * np.arange(width) + 1) / width) - turn
    flat = image * np.cos(inclination)[:, None]
    xyz = np.stack(
        (flat * np.cos(azimuth), flat * np.sin(azimuth), image * np.sin(inclination)[:, None]),
        axis=-1,
    )
    points: Float64 = xyz @ extrinsic[:3, :3].T + extrinsic[:3, 3]
    return points


def beam_inclinations(low: float, high: float, values: Float64 | None, rows: int) -> Float64:
    """Inclinations ``[rows]`` of a range image's rows, the uppermost beam first.

    ``values``: as the calibration has them, the lowest first; None: evenly between ``low`` and
    ``high``, which are the outer edges of the outermost rows.
    """
    if values is None:
        values = low + (high - low) * (np.arange(rows) + 0.5) / rows
    return values[::-1]


def to_frame_time(points: Float64, pixel_poses: Float64, world_from_vehicle: Float64) -> Float64:
    """Points ``[K, 3]`` in the vehicle's frame of their own moment -> of the frame's moment.

    ``pixel_poses`` ``[K, 6]``: the vehicle in the world when each point was measured, as roll,
    pitch, yaw (turned in this order about the fixed axes x, y, z; rad) and x, y, z (m).
    """
    if not len(points):
        return points
    world = Rotation.from_euler("xyz", pixel_poses[:, :3]).apply(points) + pixel_poses[:, 3:]
    vehicle_from_world = np.linalg.inv(world_from_vehicle)
    moved: Float64 = world @ vehicle_from_world[:3, :3].T + vehicle_from_world[:3, 3]
    return moved
