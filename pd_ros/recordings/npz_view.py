"""What a ``.npz`` sweep says of the camera in whose image it was labelled."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pd_ros.evaluation.kitti.camera import Calibration
from pd_ros.evaluation.kitti.view import NO_REGIONS, CameraView


def read_npz_view(file: Mapping[str, NDArray[np.generic]]) -> CameraView | None:
    """Return the view of a sweep, None where it was labelled all around.

    ``P2`` ``[3, 4]`` and ``T_velo_to_rect`` ``[4, 4]`` are KITTI's matrices; ``image_wh`` is the
    image's size in pixels, ``dontcare_2d`` ``[R, 4]`` has its regions without labels. The latter
    two may be missing. Raises ``KeyError`` or ``ValueError`` for arrays of another shape.
    """
    if "P2" not in file:
        return None
    projection = np.asarray(file["P2"], np.float64).reshape(3, 4)
    mount = np.asarray(file["T_velo_to_rect"], np.float64).reshape(4, 4)
    size = None
    if "image_wh" in file:
        width, height = np.asarray(file["image_wh"], np.int64).reshape(2).tolist()
        size = (width, height)
    regions = NO_REGIONS
    if "dontcare_2d" in file:
        regions = np.asarray(file["dontcare_2d"], np.float64).reshape(-1, 4)
    return CameraView(Calibration(projection, mount, size), regions)
