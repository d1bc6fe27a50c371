"""The work on one cloud, from its bytes to boxes; runs on the worker's thread, knows no ROS."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from pd_ros.detection.bev.voxelize import inside_range
from pd_ros.detection.config.names import TIME_LAG
from pd_ros.detection.device import StageClock
from pd_ros.detection.geometry.ego import on_sensor
from pd_ros.detection.not_finite import NOT_FINITE, NOT_FINITE_ADVICE
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections, InferenceResult
from pd_ros.evaluation.operating.expected_errors import ExpectedErrors
from pd_ros.pointcloud.cdr import CloudHeader, CloudMessage
from pd_ros.pointcloud.decode import Float32, decode_points
from pd_ros.pointcloud.features import extra_fields, missing_fields, model_columns
from pd_ros.pointcloud.training_statistics import expected_clouds
from pd_ros.pointcloud.z_offset import AutoOffset
from pd_ros.runtime.model_loading import model_sweeps
from pd_ros.runtime.placed_boxes import count_points, move_detections
from pd_ros.runtime.roi import OFF, crop, thin_out
from pd_ros.runtime.settings import VISION_MSGS, Settings, StartupParameters
from pd_ros.runtime.statistics import BEYOND, OWN_VEHICLE, Statistics
from pd_ros.runtime.sweeps import PlacedSweep, SweepBuffer, with_age
from pd_ros.runtime.transforms import Matrix, TransformError, TransformSource, inverse, move_points

Say = Callable[[str, str], None]  # a short key and a text; said again only after a while
OnOffset = Callable[[AutoOffset], None]  # that was settled

_NEW_START_NS = 1_000_000_000  # clouds that come in another order are not that far apart


class PipelineResult(NamedTuple):
    """What is published for one cloud."""

    detections: Detections
    frame_id: str  # the frame of the boxes
    stages_ms: dict[str, float]


class DetectionPipeline:
    """A detector with what stands before it and after it: frames, regions, sweeps, thresholds."""

    def __init__(
        self,
        predictor: Predictor,
        startup: StartupParameters,
        transforms: TransformSource | None,
        statistics: Statistics,
        say: Say,
        on_offset: OnOffset = lambda _: None,
    ) -> None:
        self.predictor = predictor
        self._trained_ground_m = expected_clouds(predictor.training, predictor.where).ground_m
        self._auto = AutoOffset(self._trained_ground_m)
        self._on_offset = on_offset
        self._startup = startup
        asked = startup.message != VISION_MSGS  # which has no room for them
        self._expect = ExpectedErrors.of(predictor) if asked else None
        self._transforms = transforms
        self._statistics = statistics
        self._say = say
        features = predictor.config.features
        self._extras = extra_fields(features)
        self._columns = model_columns(features, self._extras)
        self.joins = TIME_LAG in features
        self._sweeps = SweepBuffer(model_sweeps(predictor, startup.sweeps_count))
        self._last_ns: int | None = None
        self.model_from_cloud: Matrix | None = None  # of the last cloud; None: the same frame

    def __call__(self, cloud: CloudMessage, settings: Settings) -> PipelineResult:
        """Boxes of one cloud, in its own frame or in the one that the site wants.

        Where the place of the cloud must be known and is not, there are none; nor while the offset
        of the ground is measured.
        """
        began_s = time.perf_counter()
        self._notice_jump(cloud.header.stamp.ns)
        try:
            moved = self._lookup(self._startup.sensor_frame, cloud.header, settings)
            self.model_from_cloud = moved
            points = self._read(cloud, settings)
            if moved is not None:
                points = move_points(points, moved)
            offset_m = self._offset(points, settings)
            if offset_m is None:
                return PipelineResult(Detections.empty(), cloud.header.frame_id, {})
            points = self._prepare(points, cloud.header, settings, offset_m)
        except TransformError as error:
            self._note("no transform", str(error))
            return PipelineResult(Detections.empty(), cloud.header.frame_id, {})
        decode_ms = 1000 * (time.perf_counter() - began_s)
        result, detect_ms = self._detect(points, settings.least_score)
        began_s = time.perf_counter()
        self._note_losses(result)
        found = self._without_own(result.detections, moved, settings, offset_m)
        found = self._select(found, points, settings, offset_m)
        if self._expect is not None:
            found = self._expect(found)
        if moved is not None:
            found = move_detections(found, inverse(moved))
        found, frame_id = self._in_output_frame(found, cloud.header, settings)
        select_ms = 1000 * (time.perf_counter() - began_s)
        stages_ms = {"decode": decode_ms, **detect_ms, "select": select_ms}
        return PipelineResult(found, frame_id, stages_ms)

    def auto_offset(self, settings: Settings) -> AutoOffset | None:
        """What measures the offset; None where the site gives a number."""
        return self._auto if settings.z_offset_m is None else None

    def _offset(self, points: Float32, settings: Settings) -> float | None:
        """Return the offset in m; None while it is measured, with these points, too.

        A number that was given in between has it measured anew.
        """
        if settings.z_offset_m is not None:
            if self._auto.clouds:
                self._auto = AutoOffset(self._trained_ground_m)
            return settings.z_offset_m
        if self._auto.offset_m is not None:
            return self._auto.offset_m
        self._auto.add(points)
        if self._auto.offset_m is not None:
            self._on_offset(self._auto)
        return None

    def _prepare(
        self, points: Float32, header: CloudHeader, settings: Settings, offset_m: float
    ) -> Float32:
        """Points ``[N, 3 + C]`` as the model wants them."""
        points = crop(points, settings.roi_range, settings.ego_box)
        thinned = thin_out(points, self._startup.max_points)
        self._note_clipped("input.max_points", len(points) - len(thinned))
        joined = self._join(thinned, header, settings) if self.joins else thinned
        if offset_m:
            joined[:, 2] += offset_m
        if self._columns == list(range(joined.shape[1])):
            return joined
        return np.ascontiguousarray(joined[:, self._columns])

    def _read(self, cloud: CloudMessage, settings: Settings) -> Float32:
        if not self._extras:
            return decode_points(cloud.layout, cloud.data, settings.decoding)
        if missing := missing_fields(cloud.layout, self._extras):
            self._say("missing field", missing)
        decoding = replace(settings.decoding, extras=self._extras)
        return decode_points(cloud.layout, cloud.data, decoding)

    def _join(self, points: Float32, header: CloudHeader, settings: Settings) -> Float32:
        """Join the last sweeps to this one, or leave it alone where its place is not known."""
        sensor = self._startup.sensor_frame or header.frame_id
        try:
            pose = self._ask(self._startup.fixed_frame, sensor, header, settings)
        except TransformError as error:
            if settings.on_tf_error == "drop":
                raise
            self._note("single sweep", f"detecting in single sweeps: {error}")
            return with_age(points, 0.0)
        return self._sweeps.join(PlacedSweep(points, header.stamp.ns, pose), settings.max_gap_s)

    def _lookup(self, target: str, header: CloudHeader, settings: Settings) -> Matrix | None:
        """Return what brings the cloud to a frame; None where it is there already."""
        if not target or target == header.frame_id:
            return None
        return self._ask(target, header.frame_id, header, settings)

    def _ask(self, target: str, source: str, header: CloudHeader, settings: Settings) -> Matrix:
        if self._transforms is None:
            raise TransformError(f"{target} from {source}: tf2_ros is not installed")
        return self._transforms.lookup(target, source, header.stamp.ns, settings.tf_timeout_s)

    def _detect(
        self, points: Float32, least_score: float
    ) -> tuple[InferenceResult, dict[str, float]]:
        """Detect, where memory is full in every second point; milliseconds by stage."""
        clock = StageClock(self.predictor.device)
        try:
            result = self.predictor.infer(points, clock.mark, least_score)
        except torch.OutOfMemoryError:
            self._note("out of memory", "out of memory; trying once more with half of the points")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            clock = StageClock(self.predictor.device)
            half = np.ascontiguousarray(points[::2])
            result = self.predictor.infer(half, clock.mark, least_score)
        return result, clock.read_ms()

    def _note_losses(self, result: InferenceResult) -> None:
        self._note_clipped("capacity.max_points", result.clipped.points)
        self._note_clipped("capacity.max_pillars", result.clipped.pillars)
        if result.not_finite:
            self._note(NOT_FINITE, f"{result.not_finite} {NOT_FINITE}; {NOT_FINITE_ADVICE}")

    def _without_own(
        self,
        found: Detections,
        model_from_cloud: Matrix | None,
        settings: Settings,
        offset_m: float,
    ) -> Detections:
        """Boxes that are not the own vehicle's; the sensor is where the cloud's frame begins."""
        x, y, z = (0.0, 0.0, 0.0) if model_from_cloud is None else model_from_cloud[:3, 3].tolist()
        place = (x, y, z + offset_m)
        own = on_sensor(found.boxes, settings.ego_distance_m, place)
        if settings.ego_box != OFF:
            lift = found.boxes.new_tensor((0, 0, offset_m))
            own |= inside_range(found.boxes[:, :3] - lift, settings.ego_box)
        if own.any():
            self._statistics.note(OWN_VEHICLE, int(own.sum()))
        return found.select(~own)

    def _select(
        self, found: Detections, points: Float32, settings: Settings, offset_m: float
    ) -> Detections:
        """Boxes that are to be published, with the offset taken out again."""
        found = settings.select(found)
        if settings.min_points_in_box and len(found.scores):
            held = count_points(points, found.boxes)
            found = found.select(held >= settings.min_points_in_box)
        return found.lowered(offset_m)

    def _in_output_frame(
        self, found: Detections, header: CloudHeader, settings: Settings
    ) -> tuple[Detections, str]:
        """Move the boxes there, and name it; where that is not possible they stay."""
        target = self._startup.output_frame_id
        try:
            output_from_cloud = self._lookup(target, header, settings)
        except TransformError as error:
            self._note("no output frame", f"boxes stay in the cloud's frame: {error}")
            return found, header.frame_id
        if output_from_cloud is None:
            return found, header.frame_id
        return move_detections(found, output_from_cloud), target

    def _notice_jump(self, stamp_ns: int) -> None:
        if self._last_ns is not None and stamp_ns < self._last_ns:
            self._note("time went back", "stamps went back: a recording began again?")
            self._sweeps.clear()
            if self._transforms is not None and self._last_ns - stamp_ns > _NEW_START_NS:
                self._transforms.clear()  # tf2 takes nothing that is 10 s older than its newest
        self._last_ns = stamp_ns

    def _note_clipped(self, capacity: str, points: int) -> None:
        if points:
            self._statistics.add(clipped=points)
            self._statistics.note(BEYOND + capacity, points)

    def _note(self, event: str, text: str) -> None:
        self._statistics.note(event)
        self._say(event, text)
