"""The node's parameters: what they are, which values they take. ROS is in ``parameters``."""

from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.pointcloud.decode import INTENSITY_MODES
from pd_ros.pointcloud.z_offset import AUTO, CLOUDS, LARGEST_M, Z_OFFSET
from pd_ros.runtime.roi import OFF
from pd_ros.runtime.settings import MESSAGES

THRESHOLD = "postprocess.score_threshold."
CLASS_MAP = "postprocess.class_map."
BINS = "postprocess.distance_bins"
NMS = "postprocess.nms_iou_threshold"
_TAKEN = {"default", "drop"}  # names of no class: all of them, and those not published
BOXES = ("roi.range", "roi.ego_box")

Value = bool | int | float | str | tuple[float, ...]


class Spec(NamedTuple):
    """One parameter: its default gives its type."""

    name: str
    default: Value
    description: str
    read_only: bool = False  # read once, at the start
    at_configure: bool = False  # read with each configuration: read-only while there is one
    limits: tuple[float, float] | None = None  # of each number, both included
    choices: tuple[str, ...] = ()  # of a string; none: any string
    constraints: str = ""  # further ones, for people
    number_or_list: bool = False  # a number stands for a list of one
    words: tuple[str, ...] = ()  # that may stand in the place of a number

    @property
    def dynamic(self) -> bool:
        """Whether values of more than one type are taken."""
        return self.number_or_list or bool(self.words)


_MODEL = (
    Spec(
        "model.checkpoint", "",
        "Checkpoint (.safetensors) of the detector, or the name of one that comes with pd_ros"
        " (real_student); empty: sim_student.",
        at_configure=True,
    ),
    Spec(
        "model.device", "auto", "Where the detector runs: auto (a GPU if there is one), cpu or"
        " cuda:N.", at_configure=True,
    ),
    Spec(
        "model.precision", "auto",
        "Arithmetic of the network. auto: fp16 on a GPU, bf16 on a CPU with bf16 arithmetic, else"
        " fp32.", at_configure=True, choices=("auto", "fp32", "bf16", "fp16"),
    ),
    Spec(
        "model.backend", "torch", "What runs backbone, neck and head. openvino: on a CPU, needs"
        " packaging/requirements/openvino.txt; cuda_graph: on a GPU; tensorrt: on a GPU, needs"
        " packaging/requirements/tensorrt.txt and TensorRT.",
        at_configure=True, choices=("torch", "openvino", "cuda_graph", "tensorrt"),
    ),
    Spec(
        "model.warmup_iterations", 1, "Warm-up runs on made-up clouds of several sizes in"
        " configure, so that the first real cloud is not slow.", at_configure=True, limits=(0, 50),
    ),
    Spec(
        "model.cudnn_benchmark", False,
        "Let cuDNN time its algorithms; the first cloud of each size is then slow.",
        at_configure=True,
    ),
)  # fmt: skip

_INPUT = (
    Spec(
        "input.reliability", "auto",
        "Reliability of the subscription. auto: reliable, until a publisher appears that offers"
        " best effort only, then best effort; reliable loses no large clouds.",
        at_configure=True, choices=("auto", "best_effort", "reliable"),
    ),
    Spec(
        "input.depth", 1, "Subscription queue depth; above 1, detections may be stale.",
        at_configure=True, limits=(1, 10),
    ),
    Spec(
        "input.raw_subscription", True,
        "Read the header from the serialized cloud, without copying its points.",
        at_configure=True,
    ),
    *(
        Spec(f"input.field_map.{axis}", axis, f"Name of the field that holds {axis} in metres.",
             at_configure=True)
        for axis in "xyz"
    ),
    Spec(
        "input.field_map.intensity", "",
        "Name of the field that holds the intensity; empty: the first usual name.",
        at_configure=True,
    ),
    Spec(
        "input.intensity.mode", "auto",
        "auto: divide integers by the maximum of their type, then as scale: multiply by"
        " input.intensity.scale and add input.intensity.offset; constant: take"
        " input.intensity.constant; zero: take 0.", choices=INTENSITY_MODES,
    ),
    Spec(
        "input.intensity.scale", 1.0, "Factor that brings intensities to [0, 1].",
        limits=(0.0, 1e6),
    ),
    Spec("input.intensity.offset", 0.0, "Added to intensities after scaling.", limits=(-1e6, 1e6)),
    Spec("input.intensity.constant", 0.0, "Intensity of all points in mode constant.",
         limits=(0.0, 1e6)),
    Spec(
        Z_OFFSET, 0.0,
        "Metres added to z before detection and subtracted from the boxes after. Set it where the"
        " sensor is mounted higher or lower than in training: its height above the ground - 1.73"
        " m, for the weights that ship. auto: measured once, from the ground in the first"
        f" {CLOUDS} clouds, which are answered with no boxes.",
        limits=(-LARGEST_M, LARGEST_M), words=(AUTO,),
    ),
    Spec(
        "input.max_points", 2_000_000,
        "Thin out clouds of more points evenly; the rest counts as clipped.",
        at_configure=True, limits=(1, 100_000_000),
    ),
    Spec(
        "input.max_age", 0.0, "Reject clouds whose stamp is older than this on arrival, in"
        " seconds. 0: never (recordings carry old stamps).", limits=(0.0, 3600.0),
    ),
    Spec("input.timeout", 1.0, "Seconds without a cloud after which the diagnostics report it.",
         limits=(0.05, 3600.0)),
    Spec(
        "input.sensor_frame", "",
        "Frame in which the model sees the points: x forward, y left, z up, at the height it was"
        " trained at (see input.z_offset). Needs tf2_ros. Empty: the cloud's own frame.",
        at_configure=True,
    ),
)  # fmt: skip

_SIX = "six numbers: x, y, z minimum, x, y, z maximum, each minimum below its maximum; all 0: off"
_REGION = (
    Spec("roi.range", OFF, "Drop points outside of this box, in metres, in the model's frame.",
         limits=(-1000.0, 1000.0), constraints=_SIX),
    Spec("roi.ego_box", OFF, "The own vehicle, in metres: drop points inside of this box, and"
         " detections whose centre is inside.",
         limits=(-1000.0, 1000.0), constraints=_SIX),
    Spec(
        "sweeps.count", -1, "Sweeps joined into one cloud, for a model with the feature"
        " time_lag; -1: as many as in its training.", at_configure=True, limits=(-1, 50),
    ),
    Spec(
        "sweeps.fixed_frame", "odom",
        "World-fixed frame without jumps (REP 105), in which several sweeps are joined.",
        at_configure=True,
    ),
    Spec("sweeps.tf_timeout", 0.05, "Seconds to wait for a transform.", limits=(0.0, 1.0)),
    Spec(
        "sweeps.max_gap", 0.3,
        "Seconds between two clouds after which the joined sweeps start anew.",
        limits=(0.0, 60.0),
    ),
    Spec(
        "sweeps.on_tf_error", "single_sweep", "If the pose of a cloud is unknown: detect in it"
        " alone, or publish no boxes.", choices=("single_sweep", "drop"),
    ),
)  # fmt: skip

_POSTPROCESS = (
    Spec(
        THRESHOLD + "default", -1.0,
        "Lowest score of a published box; -1: the checkpoint's threshold for each class (0.3 where"
        " it has none). Boxes that the network's decoding dropped do not come back.",
        limits=(-1.0, 1.0), constraints="-1, or 0 to 1",
    ),
    Spec(
        BINS, (0.0,), "Distances in metres at which the bins of the classes' score thresholds"
        " begin; set it together with these.", limits=(0.0, 1000.0),
        constraints="rising, from 0.0 on",
    ),
    Spec(
        NMS, -1.0, "BEV IoU above which the lower-scoring of two boxes is suppressed; -1: the"
        " checkpoint's.", at_configure=True, limits=(-1.0, 1.0),
        constraints="-1, or 0 to 1",
    ),
    Spec(
        "postprocess.max_detections", 200, "Most boxes published for one cloud, by score.",
        limits=(1, 2000),
    ),
    Spec(
        "postprocess.ego_distance", 0.3, "Drop boxes that come nearer to the sensor than this, in"
        " metres: the own vehicle; -1: keep all.", limits=(-1.0, 10.0),
    ),
    Spec(
        "postprocess.min_points_in_box", 0, "Drop boxes with fewer points inside.",
        limits=(0, 1000),
    ),
)  # fmt: skip

_OUTPUT = (
    Spec(
        "output.message", "vision_msgs", "Messages of the boxes. vision_msgs: on detections;"
        " autoware: autoware_perception_msgs/DetectedObjects on ~/objects, needs that package;"
        " both.", at_configure=True, choices=MESSAGES,
    ),
    Spec(
        "output.frame_id", "", "Frame of the published boxes, by tf2 at the cloud's stamp; empty:"
        " the cloud's own.", at_configure=True,
    ),
    Spec("output.depth", 1, "Publisher queue depth, for slow subscribers.",
         at_configure=True, limits=(1, 100)),
    Spec("output.class_id_format", "name",
         "What class_id holds: the name of the class or its index.",
         at_configure=True, choices=("name", "index")),
    Spec("output.markers", True, "Publish ~/markers for RViz while it has subscribers."),
    Spec("diagnostics.period", 1.0, "Seconds between two messages on /diagnostics.",
         at_configure=True, limits=(0.05, 60.0)),
    Spec("diagnostics.latency_budget_ms", 100.0, "Warn if the p95 latency from arrival to"
         " answer is above this.", limits=(0.0, 60_000.0)),
    Spec("diagnostics.latency_error_ms", 200.0, "Report an error if it is above this.",
         limits=(0.0, 60_000.0)),
    Spec("diagnostics.min_rate_hz", 0.0, "Warn below this many clouds a second; 0: never.",
         limits=(0.0, 1000.0)),
    Spec("diagnostics.zero_detection_warn_s", 30.0, "Warn after this many seconds of clouds"
         " without any box.", limits=(0.0, 3600.0)),
    Spec(
        "autostart", True,
        "Configure and activate at the start, and exit with code 1 if that fails; set it to false"
        " under a lifecycle manager.", read_only=True,
    ),
)  # fmt: skip

SPECS: tuple[Spec, ...] = (*_MODEL, *_INPUT, *_REGION, *_POSTPROCESS, *_OUTPUT)


def class_specs(classes: Sequence[str]) -> list[Spec]:
    """Return the parameters that are there once the model's classes are known.

    Raises ``ValueError`` for classes whose parameters would not say what they seem to.
    """
    taken = sorted({name.lower() for name in classes} & _TAKEN)
    if taken:
        raise ValueError(
            f"classes: {', '.join(taken)}: means something else in the parameters"
            f" {THRESHOLD}{taken[0]} and {CLASS_MAP}CLASS; train with another name"
        )
    thresholds = [
        Spec(
            THRESHOLD + name.lower(), -1.0, f"Lowest score of a published {name.lower()}: one"
            f" number, or one for each of {BINS}; -1: the default threshold.", limits=(-1.0, 1.0),
            constraints="-1, or 0 to 1", number_or_list=True,
        )
        for name in classes
    ]  # fmt: skip
    names = [
        Spec(
            CLASS_MAP + name.lower(), "", f"Name of a {name.lower()} on the topics; empty:"
            " unchanged; drop: not published.",
        )
        for name in classes
    ]  # fmt: skip
    return [*thresholds, *names]
