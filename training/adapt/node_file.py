"""Parameters with which the node runs the adapted student."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from pd_ros.process.unfinished import whole_file

_NODE = "/**/lidar_detector"
_HEAD = """# Parameters of the detector node for an adapted student, made by training.adapt.
# ros2 launch pd_ros detector.launch.py params_file:={path} input_topic:=YOUR_TOPIC
"""


def write_node_file(
    path: Path,
    checkpoint: Path,
    z_offset_m: float,
    intensity_scale: float,
    dropped: Sequence[str],
) -> None:
    """Write the file; classes in ``dropped`` are not published."""
    parameters: dict[str, object] = {
        "model.checkpoint": str(checkpoint.resolve()),
        "input.z_offset": round(float(z_offset_m), 3),
        "input.intensity.scale": float(intensity_scale),
        "postprocess.score_threshold.default": -1.0,
    }
    parameters |= {f"postprocess.class_map.{name}": "drop" for name in dropped}
    content = yaml.safe_dump({_NODE: {"ros__parameters": parameters}}, sort_keys=False)
    with whole_file(path) as place:
        place.write_text(_HEAD.format(path=path.resolve()) + content, encoding="utf-8")
