"""Why no cloud comes, or why some are lost: what is known, in the order of evidence; no ROS."""

from collections.abc import Sequence
from typing import NamedTuple

CLOUD_TYPE = "sensor_msgs/msg/PointCloud2"
BEST_EFFORT = "best_effort"
# Below it, a message fits into Fast DDS' shared memory as that is without a profile.
_LARGE_BYTES = 500_000
_STILL_S = 2.0  # no /clock comes so slowly
_PROFILE = "use the Fast DDS profile config/dds/fastdds_shm.xml on the publisher's side"


class Publisher(NamedTuple):
    """Who publishes the topic of the clouds."""

    node: str
    type: str = CLOUD_TYPE
    reliability: str = "reliable"  # that it offers
    conflict: str = ""  # in its QoS with that of the subscription; empty: they fit

    @property
    def text(self) -> str:
        """The node, and what is known of its messages."""
        offered = self.reliability if self.type == CLOUD_TYPE else self.type
        return f"{self.node} ({offered})"


class RosTime(NamedTuple):
    """The node's clock at one moment."""

    ns: int
    simulated: bool  # use_sim_time


class Input(NamedTuple):
    """What is known of the topic and of the last cloud that came."""

    publishers: Sequence[Publisher]
    silent_s: float = 0.0  # since the last cloud, or since the node listens
    period_s: float = 1.0  # between the two readings of the counts
    frame_id: str = ""
    fields: str = ""
    payload_bytes: int = 0  # 0: none came yet
    reliability: str = ""  # of the subscription
    time: RosTime = RosTime(0, simulated=False)
    still_s: float = 0.0  # since the node's clock has moved
    untaken: int = 0  # clouds since the last one that came, which the node failed to take
    ahead_s: float = 0.0  # how far the stamps of the period were in the future at most

    @property
    def has_no_clock(self) -> bool:
        """Whether time is to come from /clock, and never has."""
        return self.time.simulated and not self.time.ns


def explain_nobody(seen: Input) -> str:
    """Say why nobody can be heard; empty where somebody may be."""
    if _heard(seen):
        return ""
    if not seen.publishers:
        return "no publisher of the cloud topic; check its remapping"
    if any(publisher.conflict for publisher in seen.publishers):
        return explain_unheard(seen)
    names = _names(seen.publishers)
    return f"no publisher of {CLOUD_TYPE}, but {names}; check the remapping of the topic"


def explain_silence(seen: Input) -> str:
    """Say why no cloud comes."""
    if seen.untaken:
        return explain_untaken(seen.untaken)
    nobody, free = explain_nobody(seen), _heard(seen)
    if nobody:
        return nobody
    if seen.has_no_clock:
        return no_clock_text()
    if seen.time.simulated and seen.still_s > _STILL_S:
        return "use_sim_time is set and /clock stands still: the recording is paused or over"
    others = explain_unheard(seen)  # the one that sends may be among them
    return "; ".join(
        text
        for text in (f"there is {_names(free)}, {_explain_sender(seen, free)}", others)
        if text
    )


def explain_untaken(clouds: int) -> str:
    """Say of clouds that came, and for which the node's callback failed, whose fault that is."""
    return f"{clouds} clouds could not be taken by the node itself; see its log"


def _explain_sender(seen: Input, free: Sequence[Publisher]) -> str:
    """Say what is known where nothing stands between a publisher and the node."""
    if BEST_EFFORT not in (seen.reliability, *(publisher.reliability for publisher in free)):
        return "and both sides are reliable: it sends nothing; look at the driver"
    if seen.payload_bytes >= _LARGE_BYTES:
        size = f"{seen.payload_bytes / 1e6:.1f} MB"
        return f"and best effort loses clouds of {size} on the way; {_PROFILE}"
    if seen.payload_bytes:
        return "and clouds of this size came before; look at the driver and the network"
    return (
        "of which none has come yet: it sends nothing, or best effort loses its clouds,"
        f" if they are larger than {_LARGE_BYTES / 1e6} MB; look at the driver, then {_PROFILE}"
    )


def explain_unheard(seen: Input) -> str:
    """Say which publishers cannot be heard and why; empty where all can."""
    refused = [publisher for publisher in seen.publishers if publisher.conflict]
    others = [publisher for publisher in seen.publishers if publisher.type != CLOUD_TYPE]
    found = []
    if refused:
        found.append(
            f"incompatible QoS, not heard: {_names(refused)}: {refused[0].conflict}; set"
            " input.reliability to auto or best_effort, or make the publisher reliable"
        )
    if others:
        found.append(
            f"not heard, for it is no {CLOUD_TYPE}: {_names(others)}; check the remappings"
        )
    return "; ".join(found)


def explain_loss(seen: Input) -> str:
    """Say what to do about clouds that the middleware lost."""
    if seen.reliability != BEST_EFFORT:
        return "newer ones took their place before they were read: the node or the network is slow"
    if seen.payload_bytes >= _LARGE_BYTES:
        return _PROFILE
    return "best effort allows it: look at the network and the load of this computer"


def no_clock_text() -> str:
    """Say what is missing."""
    return (
        "use_sim_time is set and no /clock has come, so time stands at 0: play the recording with"
        " --clock, or set use_sim_time to false"
    )


def _heard(seen: Input) -> list[Publisher]:
    """Publishers of clouds that the subscription can hear."""
    return [p for p in seen.publishers if p.type == CLOUD_TYPE and not p.conflict]


def _names(publishers: Sequence[Publisher]) -> str:
    return ", ".join(publisher.text for publisher in publishers)
