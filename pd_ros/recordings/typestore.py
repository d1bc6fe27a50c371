"""The ROS message types that this package reads and writes without ROS."""

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore


def jazzy_typestore() -> Typestore:
    """Message types of ROS 2 Jazzy with the boxes of ``vision_msgs``; a new store every time."""
    typestore = get_typestore(Stores.ROS2_JAZZY)
    for name, text in DEFINITIONS.items():
        typestore.register(get_types_from_msg(text, name))
    return typestore


DEFINITIONS = {
    "vision_msgs/msg/BoundingBox3D": """\
geometry_msgs/Pose center
geometry_msgs/Vector3 size
""",
    "vision_msgs/msg/ObjectHypothesis": """\
string class_id
float64 score
""",
    "vision_msgs/msg/ObjectHypothesisWithPose": """\
vision_msgs/ObjectHypothesis hypothesis
geometry_msgs/PoseWithCovariance pose
""",
    "vision_msgs/msg/Detection3D": """\
std_msgs/Header header
vision_msgs/ObjectHypothesisWithPose[] results
vision_msgs/BoundingBox3D bbox
string id
""",
    "vision_msgs/msg/Detection3DArray": """\
std_msgs/Header header
vision_msgs/Detection3D[] detections
""",
}
