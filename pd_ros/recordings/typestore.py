"""The ROS message types that this package reads and writes without ROS."""

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore


def jazzy_typestore() -> Typestore:
    """Message types of ROS 2 Jazzy with those of ``DEFINITIONS``; a new store every time."""
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
    "autoware_perception_msgs/msg/ObjectClassification": """\
uint8 UNKNOWN=0
uint8 CAR=1
uint8 TRUCK=2
uint8 BUS=3
uint8 TRAILER=4
uint8 MOTORCYCLE=5
uint8 BICYCLE=6
uint8 PEDESTRIAN=7
uint8 ANIMAL=8
uint8 HAZARD=9
uint8 OVER_DRIVABLE=10
uint8 UNDER_DRIVABLE=11
uint8 label
float32 probability
""",
    "autoware_perception_msgs/msg/Shape": """\
uint8 BOUNDING_BOX=0
uint8 CYLINDER=1
uint8 POLYGON=2
uint8 type
geometry_msgs/Polygon footprint
geometry_msgs/Vector3 dimensions
""",
    "autoware_perception_msgs/msg/DetectedObjectKinematics": """\
uint8 UNAVAILABLE=0
uint8 SIGN_UNKNOWN=1
uint8 AVAILABLE=2
geometry_msgs/PoseWithCovariance pose_with_covariance
bool has_position_covariance
uint8 orientation_availability
geometry_msgs/TwistWithCovariance twist_with_covariance
bool has_twist
bool has_twist_covariance
""",
    "autoware_perception_msgs/msg/DetectedObject": """\
float32 existence_probability
autoware_perception_msgs/ObjectClassification[] classification
autoware_perception_msgs/DetectedObjectKinematics kinematics
autoware_perception_msgs/Shape shape
""",
    "autoware_perception_msgs/msg/DetectedObjects": """\
std_msgs/Header header
autoware_perception_msgs/DetectedObject[] objects
""",
}
