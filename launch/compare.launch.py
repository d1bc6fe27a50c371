"""The detector with a teacher beside it: detector.launch.py with compare:=true.

ros2 launch pd_ros compare.launch.py input_topic:=/velodyne_points teacher:=big.safetensors \
    teacher_device:=cuda:1 record_folder:=disagreements
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

DETECTOR = Path(__file__).resolve().parent / "detector.launch.py"


def generate_launch_description() -> LaunchDescription:
    """Return the other launch file, which takes all other arguments."""
    source = PythonLaunchDescriptionSource(str(DETECTOR))
    included = IncludeLaunchDescription(source, launch_arguments={"compare": "true"}.items())
    return LaunchDescription([included])
