"""The ROS message types that this package reads and writes without ROS."""

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pd_ros.replay.vision_msgs import DEFINITIONS


def jazzy_typestore() -> Typestore:
    """Message types of ROS 2 Jazzy with the boxes of ``vision_msgs``; a new store every time."""
    typestore = get_typestore(Stores.ROS2_JAZZY)
    for name, text in DEFINITIONS.items():
        typestore.register(get_types_from_msg(text, name))
    return typestore
