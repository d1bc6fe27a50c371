"""Topics that remappings put onto each other."""

from collections.abc import Mapping

from rclpy.node import Node

# In the process of every node, and remapped with its own.
_OF_ROS = {
    "/rosout": "rcl_interfaces/msg/Log",
    "/parameter_events": "rcl_interfaces/msg/ParameterEvent",
    "/clock": "rosgraph_msgs/msg/Clock",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
}


def check_topics(node: Node, types: Mapping[str, str]) -> None:
    """Raise ``ValueError`` where two topics of different types are remapped to one name.

    The middleware refuses the second one, with an error that does not say which the first is.
    ``types``: those of the node's topics, by their names before remapping.
    """
    seen: dict[str, tuple[str, str]] = {}
    for name, kind in {**_OF_ROS, **types}.items():
        topic = node.resolve_topic_name(name)
        other, other_kind = seen.setdefault(topic, (name, kind))
        if kind != other_kind:
            raise ValueError(
                f"{name}: expected a topic of {kind} alone, got {topic}, which {other}"
                f" ({other_kind}) has as well; correct the remappings"
            )
