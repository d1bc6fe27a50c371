"""Who publishes the topic of the clouds, as the middleware knows it."""

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from pd_ros.runtime.diagnostics.silence import CLOUD_TYPE, Publisher


def cloud_publishers(node: Node, topic: str, asked: QoSProfile) -> list[Publisher]:
    """Publishers of a topic with all that its subscription, which asks for ``asked``, may meet."""
    found = []
    for offer in node.get_publishers_info_by_topic(topic):
        compatibility, reason = qos_check_compatible(offer.qos_profile, asked)
        refused = offer.topic_type == CLOUD_TYPE and compatibility == QoSCompatibility.ERROR
        found.append(
            Publisher(
                f"{offer.node_namespace.rstrip('/')}/{offer.node_name}",
                offer.topic_type,
                offer.qos_profile.reliability.name.lower(),
                reason.removeprefix("ERROR: ").rstrip("; ") if refused else "",
            )
        )
    return found
