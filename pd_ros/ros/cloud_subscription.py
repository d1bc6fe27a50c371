"""Subscribe to clouds with the reliability that their publishers offer."""

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2

from pd_ros.pointcloud.cdr import CloudHeader, CloudMessage, EncodingError, Stamp, parse_cloud
from pd_ros.pointcloud.layout import cloud_layout
from pd_ros.ros.execution.timers import steady_timer
from pd_ros.runtime.diagnostics.silence import BEST_EFFORT, CLOUD_TYPE, Publisher

TOPIC = "points"
_LOOK_PERIOD_S = 0.5


class CloudSubscription:
    """Newest cloud first: depth 1, because a queue of clouds is a queue of old answers.

    ``auto`` starts reliable, since large best-effort messages get lost on default transports, and
    goes over to best effort once a publisher is there that offers nothing more: a reliable
    subscription would never hear it. ``raw``: the points of a message are not copied, and of bytes
    that are no ``PointCloud2`` ``on_unreadable`` is told what is wrong with them.
    """

    def __init__(
        self,
        node: Node,
        reliability: str,
        depth: int,
        raw: bool,
        on_cloud: Callable[[CloudMessage], None],
        on_lost: Callable[[int], None],
        on_unreadable: Callable[[str], None],
    ) -> None:
        self._node = node
        self._depth = depth
        self._raw = raw
        self._on_cloud = on_cloud
        self._on_lost = on_lost
        self._on_unreadable = on_unreadable
        best_effort = reliability == "best_effort"
        self.reliability = (
            ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        )
        self._timer: Any = None
        self._subscription = self._subscribe(self.reliability)
        if reliability == "auto":
            self._timer = steady_timer(node, _LOOK_PERIOD_S, self._look_at_publishers)

    @property
    def topic(self) -> str:
        """Full name of the topic, after remapping."""
        return str(self._subscription.topic_name)

    @property
    def publishers(self) -> list[Publisher]:
        """Who publishes the topic, and whether it can be heard.

        What ``auto`` is about to go over to is no conflict.
        """
        found = cloud_publishers(self._node, self.topic, self._profile(self.reliability))
        if self._timer is None:
            return found
        return [publisher._replace(conflict="") for publisher in found]

    def close(self) -> None:
        """Stop listening."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)

    def _profile(self, reliability: ReliabilityPolicy) -> QoSProfile:
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=self._depth,
            durability=DurabilityPolicy.VOLATILE,
            reliability=reliability,
        )

    def _subscribe(self, reliability: ReliabilityPolicy) -> Subscription:
        return self._node.create_subscription(
            PointCloud2,
            TOPIC,
            self._on_bytes if self._raw else self._on_message,
            self._profile(reliability),
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=lambda lost: self._on_lost(lost.total_count_change)
            ),
            raw=self._raw,
        )

    def _on_bytes(self, cdr: bytes) -> None:
        try:
            cloud = parse_cloud(cdr)
        except EncodingError as error:
            self._on_encoded(cdr, str(error))
        except ValueError as error:
            self._on_unreadable(str(error))
        else:
            self._on_cloud(cloud)

    def _on_encoded(self, cdr: bytes, reason: str) -> None:
        try:
            message = deserialize_message(cdr, PointCloud2)
        except RuntimeError:  # rclpy's RMWError, which tells nothing
            self._on_unreadable(reason)
        else:
            self._on_message(message)

    def _on_message(self, message: PointCloud2) -> None:
        stamp = message.header.stamp
        header = CloudHeader(Stamp(stamp.sec, stamp.nanosec), message.header.frame_id)
        self._on_cloud(CloudMessage(header, cloud_layout(message), message.data))

    def _look_at_publishers(self) -> None:
        offers = [offer for offer in self.publishers if offer.type == CLOUD_TYPE]
        if all(offer.reliability != BEST_EFFORT for offer in offers):
            return
        self._ask_for_best_effort()

    def _ask_for_best_effort(self) -> None:
        """Exchange the subscription; where there can be no new one, the old one stays.

        Then the error goes to whoever calls, and the timer tries again.
        """
        new = self._subscribe(ReliabilityPolicy.BEST_EFFORT)
        old, self._subscription = self._subscription, new
        self.reliability = ReliabilityPolicy.BEST_EFFORT
        self._node.get_logger().info(
            f"{self.topic}: a publisher offers best effort only, so that is asked for; if clouds"
            " get lost, use the Fast DDS profile config/dds/fastdds_shm.xml on its side"
        )
        self._node.destroy_timer(self._timer)
        self._timer = None
        self._node.destroy_subscription(old)


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
