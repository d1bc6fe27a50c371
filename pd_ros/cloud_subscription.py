"""A subscription to clouds that asks for the reliability that the publishers offer."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2

TOPIC = "points"
_LOOK_PERIOD_S = 0.5


class CloudSubscription:
    """Newest cloud first: depth 1, because a queue of clouds is a queue of old answers.

    ``auto`` starts reliable, since large best-effort messages get lost on default transports, and
    goes over to best effort once a publisher is there that offers nothing more: a reliable
    subscription would never hear it.
    """

    def __init__(
        self, node: Node, reliability: str, on_cloud: Callable[[PointCloud2], None]
    ) -> None:
        self._node = node
        self._on_cloud = on_cloud
        best_effort = reliability == "best_effort"
        self.reliability = (
            ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        )
        self._subscription = self._subscribe()
        self._timer: Any = None
        if reliability == "auto":
            self._timer = node.create_timer(_LOOK_PERIOD_S, self._look_at_publishers)

    @property
    def topic(self) -> str:
        """Full name of the topic, after remapping."""
        return str(self._subscription.topic_name)

    @property
    def publishers(self) -> int:
        """How many publishers of the topic are known."""
        return int(self._node.count_publishers(self.topic))

    def close(self) -> None:
        """Stop listening."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Subscription:
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=1,
            durability=DurabilityPolicy.VOLATILE,
            reliability=self.reliability,
        )
        return self._node.create_subscription(PointCloud2, TOPIC, self._on_cloud, profile)

    def _look_at_publishers(self) -> None:
        offers = self._node.get_publishers_info_by_topic(self.topic)
        if all(offer.qos_profile.reliability != ReliabilityPolicy.BEST_EFFORT for offer in offers):
            return
        self._node.get_logger().info(
            f"{self.topic}: a publisher offers best effort only, so that is asked for; if clouds"
            " get lost, use the Fast DDS profile config/dds/fastdds_shm.xml on its side"
        )
        self._node.destroy_subscription(self._subscription)
        self.reliability = ReliabilityPolicy.BEST_EFFORT
        self._subscription = self._subscribe()
        self._node.destroy_timer(self._timer)
        self._timer = None
