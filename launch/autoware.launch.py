"""The detector where Autoware's perception expects one of its own LiDAR detectors.

ros2 launch pd_ros autoware.launch.py checkpoint:=real_student device:=cuda:0

It listens to Autoware's concatenated cloud, and its boxes (DetectedObjects) go where those of the
detector go whose place it takes: /perception/object_recognition/detection/MODEL_TYPE/objects. All
arguments of detector.launch.py are taken, too.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(__file__).resolve().parent.parent  # share/pd_ros, or the checkout
DETECTOR = SHARE / "launch" / "detector.launch.py"
DETECTION = "/perception/object_recognition/detection/"

# name, default, description
ARGUMENTS = (
    ("model_type", "centerpoint", "whose place it takes: Autoware's lidar_detection_model_type"),
    ("input_topic", "/sensing/lidar/concatenated/pointcloud", "clouds, in the vehicle's frame"),
    ("params_file", str(SHARE / "config" / "autoware.yaml"), "parameters of the node"),
)


def generate_launch_description() -> LaunchDescription:
    """Return the detector, with its namespace and topics."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    places = {
        "namespace": [DETECTION, LaunchConfiguration("model_type")],
        "input_topic": LaunchConfiguration("input_topic"),
        "objects_topic": "objects",
        "params_file": LaunchConfiguration("params_file"),
    }
    detector = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(DETECTOR)), launch_arguments=places.items()
    )
    return LaunchDescription([*declared, detector])
