"""Why no cloud comes: what is known is said, and nothing else."""

import pytest
from default_settings import default_settings

from pd_ros.runtime.diagnostics.cloud_inspection import judge_frame
from pd_ros.runtime.diagnostics.silence import Input, Publisher, RosTime, explain_loss
from pd_ros.runtime.diagnostics.status import NOT_TAKEN, Level, judge_clouds
from pd_ros.runtime.statistics import Counts

STRING = Publisher("/talker", "std_msgs/msg/String")
SURE = Publisher("/driver")
LOOSE = Publisher("/driver", reliability="best_effort")
REFUSED = LOOSE._replace(conflict="Best effort publisher and reliable subscription")
SILENT = Input([], silent_s=9.0, reliability="reliable")
FREE = SILENT._replace(publishers=[LOOSE], reliability="best_effort")
PAUSED = SILENT._replace(publishers=[SURE], time=RosTime(7, simulated=True), still_s=8.0)

CASES = {
    "nobody": (SILENT, "no publisher of the cloud topic"),
    "another type": (SILENT._replace(publishers=[STRING]), "but /talker (std_msgs/msg/String)"),
    "QoS": (SILENT._replace(publishers=[REFUSED, STRING]), "incompatible QoS, not heard: /driver"),
    "no clock": (PAUSED._replace(time=RosTime(0, simulated=True)), "no /clock has come"),
    "a clock that stands still": (PAUSED, "/clock stands still"),
    "a clock that goes": (PAUSED._replace(still_s=0.1), "both sides are reliable"),
    "a clock of its own": (PAUSED._replace(time=RosTime(7, simulated=False)), "it sends nothing"),
    "reliable": (SILENT._replace(publishers=[SURE]), "both sides are reliable: it sends nothing"),
    "reliable and large": (
        SILENT._replace(publishers=[SURE], payload_bytes=4_000_000), "both sides are reliable"
    ),
    "large": (FREE._replace(payload_bytes=4_000_000), "loses clouds of 4.0 MB"),
    "small": (FREE._replace(payload_bytes=40_000), "clouds of this size came before"),
    "of unknown size": (FREE, "if they are larger than 0.5 MB"),
    "one of two, with another type": (
        SILENT._replace(publishers=[SURE, STRING]), "PointCloud2: /talker (std_msgs/msg/String)"
    ),
    "one of two, with QoS": (
        SILENT._replace(publishers=[SURE, REFUSED]), "incompatible QoS, not heard: /driver"
    ),
    "one of three": (
        SILENT._replace(publishers=[STRING, SURE, REFUSED]), "PointCloud2: /talker (std_msgs/msg/"
    ),
    "not taken": (SILENT._replace(publishers=[SURE], untaken=3), "3 clouds could not be taken"),
    "one of two": (FREE._replace(publishers=[LOOSE, SURE], payload_bytes=9), "came before"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_silence_is_explained_by_what_is_known(case) -> None:
    seen, text = CASES[case]
    health = judge_clouds(Counts(), Counts(), seen, {}, default_settings().diagnostics)
    assert health.level == Level.STALE
    assert text in health.text
    assert ("fastdds_shm" in health.text) == (case in ("large", "of unknown size"))


def test_the_driver_is_not_blamed_for_clouds_that_the_node_could_not_take() -> None:
    before, now = (Counts(events={NOT_TAKEN: count}) for count in (1, 5))
    seen = SILENT._replace(publishers=[SURE], untaken=5)
    health = judge_clouds(before, now, seen, {}, default_settings().diagnostics)
    assert health.level == Level.ERROR
    assert health.text.startswith("4 clouds could not be taken")
    assert health.values["not taken"] == 5


def test_publishers_that_are_not_heard_are_told_while_others_are() -> None:
    now = Counts(received=10, processed=10)
    for other, text in ((REFUSED, "incompatible QoS"), (STRING, "/talker (std_msgs/msg/String)")):
        seen = Input([SURE, other], reliability="reliable")
        health = judge_clouds(Counts(), now, seen, {}, default_settings().diagnostics)
        assert health.level == Level.WARN
        assert text in health.text
        assert health.values["publisher 1"] == "/driver (reliable)"
    assert (
        judge_clouds(Counts(), now, Input([SURE, SURE]), {}, default_settings().diagnostics).level
        == Level.OK
    )


def test_advice_about_lost_clouds_is_that_of_their_way() -> None:
    assert "fastdds_shm" in explain_loss(FREE._replace(payload_bytes=4_000_000))
    for seen in (FREE._replace(payload_bytes=40_000), SILENT._replace(payload_bytes=4_000_000)):
        assert "fastdds_shm" not in explain_loss(seen)


@pytest.mark.parametrize(
    "frame",
    [
        "camera_optical_frame", "front/depth_optical", "Optical_Frame", "cam_optical_frame_1",
        "left_optical_center_frame", "os_optical_sensor", "cameraoptical_frame", "optical",
        "CameraOpticalFrame", "CAM_OPTICAL", "rgb_optical2",
    ],
)  # fmt: skip
def test_the_optical_frame_of_a_camera_is_no_frame_of_a_lidar(frame) -> None:
    (finding,) = judge_frame(frame)
    assert finding.level == Level.WARN
    assert frame in finding.text
    assert "input.sensor_frame" in finding.text


@pytest.mark.parametrize(
    "frame",
    [
        "", "lidar", "base_link", "fibre_optical_gyro", "opticalframe", "fiber_optical_imu",
        "optical_flow_link", "optics", "bioptically",
    ],
)  # fmt: skip
def test_other_frames_are_not_remarked_on(frame) -> None:
    assert judge_frame(frame) == []
