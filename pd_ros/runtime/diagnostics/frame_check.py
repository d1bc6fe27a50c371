"""What the name of a frame says about its axes; no ROS, no torch."""

import re

from pd_ros.runtime.diagnostics.cloud_checks import Finding
from pd_ros.runtime.diagnostics.status import Level

# REP 103: frames of cameras with z forward are called optical, whatever stands around the word;
# but there are other devices that are optical.
_OPTICAL = re.compile(
    r"(?<!fibre_)(?<!fiber_)([Oo]ptical|OPTICAL)(?![a-z])(?!_?(flow|gyro|encoder|fibre|fiber))"
)


def judge_frame(frame_id: str) -> list[Finding]:
    """One finding about the frame in which the model sees the points, where its name says much."""
    if not _OPTICAL.search(frame_id):
        return []
    return [
        Finding(
            "frame", frame_id, "a frame with x forward, y left, z up", Level.WARN,
            "this is the optical frame of a camera (x right, y down, z forward, REP 103), not one"
            " of a LiDAR: set input.sensor_frame to the frame of the LiDAR or to base_link, or let"
            " the driver name the right one",
        )
    ]  # fmt: skip
