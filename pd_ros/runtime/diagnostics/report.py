"""Everything that the node says about itself, put together once in a while; no ROS needed."""

import threading
import time
from collections.abc import Callable, Sequence

import torch

from pd_ros.detection.operating_point import FALLBACK, read_operating_point
from pd_ros.detection.predictor import Predictor
from pd_ros.pointcloud.beams import Beams
from pd_ros.pointcloud.cdr import CloudMessage
from pd_ros.pointcloud.decode import DecodeOptions
from pd_ros.pointcloud.z_offset import AutoOffset
from pd_ros.process.memory import resident_kb
from pd_ros.runtime.diagnostics.cloud_checks import Finding, verdict
from pd_ros.runtime.diagnostics.cloud_inspection import (
    ModelInput,
    beams_of,
    examine_cloud,
    judge_frame,
)
from pd_ros.runtime.diagnostics.mounting import judge_offset
from pd_ros.runtime.diagnostics.silence import Input, Publisher, RosTime
from pd_ros.runtime.diagnostics.status import (
    NOT_TAKEN,
    Health,
    Level,
    judge_clouds,
    judge_detector,
    judge_output,
)
from pd_ros.runtime.model_loading import CheckpointFile
from pd_ros.runtime.settings import Settings
from pd_ros.runtime.statistics import Counts, Statistics, Timings
from pd_ros.runtime.transforms import Matrix

_BEAMS_FROM = 3  # clouds, one with a report; a sensor's rings do not change


class DiagnosticsReporter:
    """Judges input, content, detector, output, device and model of a configured node."""

    def __init__(
        self,
        predictor: Predictor,
        file: CheckpointFile,
        statistics: Statistics,
        timings: Timings,
        transforms: str,
        time_now: Callable[[], RosTime],
        sensor_frame: str = "",  # in which the model sees the points; empty: the cloud's own
    ) -> None:
        self._predictor = predictor
        self._file = file
        self._statistics = statistics
        self._timings = timings
        self._transforms = transforms
        self._time_now = time_now
        self._time = time_now()
        self._sensor_frame = sensor_frame
        self._ahead_s = 0.0
        self.model_input = ModelInput.of(predictor.config, predictor.training, predictor.where)
        self._reported = statistics.read()
        self._last: CloudMessage | None = None
        self._untaken_before = 0  # the last cloud
        self._findings: list[Finding] = []
        self._beams: Beams | None = None
        self._beams_left = _BEAMS_FROM
        self._counting: threading.Thread | None = None
        now_s = time.monotonic()
        self._read_s = self._arrived_s = self._boxes_s = self._moved_s = now_s

    def begin(self) -> None:
        """Say that the node starts to listen: it has not been silent before."""
        self._read_s = self._arrived_s = self._boxes_s = self._moved_s = time.monotonic()
        self._reported = self._statistics.read()
        self._untaken_before = self._reported.events.get(NOT_TAKEN, 0)

    def saw(self, cloud: CloudMessage) -> None:
        """Keep the newest cloud, to be examined with the next report."""
        self._last, self._arrived_s = cloud, time.monotonic()
        self._untaken_before = self._statistics.read().events.get(NOT_TAKEN, 0)
        self._ahead_s = max(self._ahead_s, (cloud.header.stamp.ns - self._time_now().ns) / 1e9)

    def saw_unreadable(self, text: str) -> None:
        """Have the newest message be none of a cloud; ``text``: why."""
        self._last, self._arrived_s = None, time.monotonic()
        advice = "such messages are rejected; look at the driver, and at who publishes the topic"
        self._findings = [
            Finding("message", text, "a whole sensor_msgs/msg/PointCloud2", Level.ERROR, advice)
        ]

    def report(
        self, publishers: Sequence[Publisher], reliability: str, busy_s: float, settings: Settings,
        model_from_cloud: Matrix | None, auto_offset: AutoOffset | None,
    ) -> dict[str, Health]:  # fmt: skip
        """Judge the time since the last report."""
        now_s, counts, before = time.monotonic(), self._statistics.read(), self._reported
        timings = self._timings.read(now_s)
        cloud = self._last
        self._look_at_clock(now_s)
        seen = Input(
            publishers=publishers,
            silent_s=now_s - self._arrived_s,
            period_s=now_s - self._read_s,
            frame_id=cloud.header.frame_id if cloud else "",
            fields=cloud.layout.text() if cloud else "",
            payload_bytes=len(cloud.data) if cloud else 0,
            reliability=reliability,
            time=self._time,
            still_s=now_s - self._moved_s,
            untaken=counts.events.get(NOT_TAKEN, 0) - self._untaken_before,
            ahead_s=self._ahead_s,
        )
        self._ahead_s = 0.0
        content = self._judge_content(settings, model_from_cloud, auto_offset)
        if counts.boxes > before.boxes:
            self._boxes_s = now_s
        elif counts.processed == before.processed:  # no clouds: that time does not count
            self._boxes_s += now_s - self._read_s
        self._reported, self._read_s = counts, now_s
        return {
            "clouds": judge_clouds(before, counts, seen, timings, settings.diagnostics),
            "content": content,
            "detector": judge_detector(before, counts, busy_s, timings, settings.diagnostics),
            "output": judge_output(
                counts, now_s - self._boxes_s, settings.diagnostics, content.level is Level.OK
            ),
            "device": self._judge_device(counts),
            "model": self._judge_model(settings),
        }

    def _look_at_clock(self, now_s: float) -> None:
        time_now = self._time_now()
        if time_now != self._time:
            self._time, self._moved_s = time_now, now_s

    def _judge_content(
        self,
        settings: Settings,
        model_from_cloud: Matrix | None,
        auto_offset: AutoOffset | None,
    ) -> Health:
        if self._last is not None:
            cloud, decoding = self._last, settings.decoding
            self._count_rings(cloud, decoding)
            offset_m = auto_offset.offset_m if auto_offset else settings.z_offset_m
            self._findings = examine_cloud(
                cloud.layout, cloud.data, self.model_input, decoding, offset_m or 0.0,
                model_from_cloud, self._beams,
            )  # fmt: skip
            # They explain much of what follows.
            self._findings[1:1] = judge_frame(self._sensor_frame or cloud.header.frame_id)
            if auto_offset is not None:
                expected = self.model_input.expected
                self._findings[1:1] = [judge_offset(auto_offset, expected.ground_m)]
        return content_health(self._findings, self.model_input.expected.recorded)

    def _count_rings(self, cloud: CloudMessage, decoding: DecodeOptions) -> None:
        """Count the rings of the first clouds, on a thread of its own: it takes 0.1 s or more.

        Of several clouds the one with the most rings counts, for some have an echo in few of them.
        """
        if self._beams_left == 0 or (self._counting is not None and self._counting.is_alive()):
            return
        self._beams_left -= 1

        def count() -> None:
            found = beams_of(cloud.layout, cloud.data, decoding)
            if found and (self._beams is None or found.rings > self._beams.rings):
                self._beams = found

        self._counting = threading.Thread(target=count, name="count rings", daemon=True)
        self._counting.start()

    def _judge_device(self, counts: Counts) -> Health:
        device = self._predictor.device
        values: dict[str, object] = {
            "device": device,
            "resident memory (MB)": round(resident_kb("self") / 1e3, 1),
        }
        if device.type == "cuda":
            values |= {
                "GPU": torch.cuda.get_device_name(device),
                "GPU memory in use (MB)": round(torch.cuda.memory_allocated(device) / 1e6, 1),
                "GPU memory reserved (MB)": round(torch.cuda.memory_reserved(device) / 1e6, 1),
            }
        values["out of memory"] = counts.events.get("out of memory", 0)
        return Health(Level.OK, str(device), values)

    def _chosen_on(self) -> str:
        point = read_operating_point(self._predictor.training, self._predictor.where)
        return point.data if point is not None else f"not recorded: {FALLBACK} for all classes"

    def _judge_model(self, settings: Settings) -> Health:
        config, record = self._predictor.config, self._predictor.training
        state = self._file.state()
        values: dict[str, object] = {
            "name": config.name,
            "checkpoint": self._file.path,
            "sha256": self._file.sha256,
            "file": state,
            "classes": ", ".join(config.classes),
            "score thresholds": _thresholds_text(config.classes, settings),
            "operating point chosen on": self._chosen_on(),
            "precision": self._predictor.arithmetic,
            "licence": record.get("licence", "not recorded"),
            "training clouds": "recorded"
            if self.model_input.expected.recorded
            else "not recorded",
            "transforms": self._transforms,
        }
        if state == "unchanged":
            return Health(Level.OK, config.name, values)
        text = f"the file is {state} since it was read; to read it: deactivate, cleanup, configure"
        return Health(Level.WARN, text, values)


def _thresholds_text(classes: Sequence[str], settings: Settings) -> str:
    """Say from which score on boxes are published, by class and, where they differ, distance."""
    rows = zip(classes, settings.score_thresholds, strict=True)
    return ", ".join(f"{name} {' '.join(f'{t:.2f}' for t in row)}" for name, row in rows)


def content_health(findings: Sequence[Finding], recorded: bool) -> Health:
    """Return the findings about one cloud as a status."""
    if not findings:
        return Health(Level.OK, "no cloud yet", {})
    level, text = verdict(findings)
    against = "its training" if recorded else "the simulated HDL-64E (training not recorded)"
    values: dict[str, object] = {finding.name: finding.text for finding in findings}
    return Health(level, text, {**values, "compared with": against})
