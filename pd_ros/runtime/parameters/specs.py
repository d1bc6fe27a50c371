"""The node's parameters: what they are, which values they take. ROS is in ``parameters``."""

from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.pointcloud.decode import INTENSITY_MODES
from pd_ros.runtime.roi import OFF

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
        "model.precision", "auto", "auto: half precision where the hardware multiplies in it.",
        at_configure=True, choices=("auto", "fp32", "bf16", "fp16"),
    ),
    Spec(
        "model.backend", "torch", "What runs backbone, neck and head. openvino: on a CPU, needs"
        " packaging/requirements/openvino.txt; cuda_graph: on a GPU; tensorrt: on a GPU, needs"
        " packaging/requirements/tensorrt.txt and TensorRT.",
        at_configure=True, choices=("torch", "openvino", "cuda_graph", "tensorrt"),
    ),
    Spec(
        "model.warmup_iterations", 1, "Rounds over made-up clouds of several sizes in configure,"
        " so that the first real one is not slow.", at_configure=True, limits=(0, 50),
    ),
    Spec(
        "model.cudnn_benchmark", False,
        "Let cuDNN try its algorithms; the first cloud of each size is slow then.",
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
        "input.depth", 1, "Clouds that the middleware keeps; more than 1 means older answers.",
        at_configure=True, limits=(1, 10),
    ),
    Spec(
        "input.raw_subscription", True,
        "Read the header of a cloud from its bytes, without a copy of its points.",
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
        "auto: whole numbers are divided by their type's maximum, then as scale: times"
        " input.intensity.scale plus input.intensity.offset; constant: input.intensity.constant;"
        " zero: 0.", choices=INTENSITY_MODES,
    ),
    Spec(
        "input.intensity.scale", 1.0, "Intensities are multiplied by it, to bring them to [0, 1].",
        limits=(0.0, 1e6),
    ),
    Spec("input.intensity.offset", 0.0, "Added to intensities after that.", limits=(-1e6, 1e6)),
    Spec("input.intensity.constant", 0.0, "Intensity of all points in mode constant.",
         limits=(0.0, 1e6)),
    Spec(
        "input.z_offset", 0.0,
        "Metres added to z before detection and taken from the boxes after; set it where the"
        " sensor is mounted higher or lower than the one the detector was trained with: its height"
        " above the ground - 1.73 m, for what ships.",
        limits=(-10.0, 10.0),
    ),
    Spec(
        "input.max_points", 2_000_000,
        "Clouds of more points are thinned out evenly; the rest counts as clipped.",
        at_configure=True, limits=(1, 100_000_000),
    ),
    Spec(
        "input.max_age", 0.0, "Seconds; clouds whose stamp is older on arrival are rejected."
        " 0: none are (recordings carry old stamps).", limits=(0.0, 3600.0),
    ),
    Spec("input.timeout", 1.0, "Seconds without a cloud after which the diagnostics say so.",
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
    Spec("roi.range", OFF, "Metres; points outside of it are left out, in the model's frame.",
         limits=(-1000.0, 1000.0), constraints=_SIX),
    Spec("roi.ego_box", OFF, "Metres; points inside of it are left out, and so are boxes whose"
         " centre is inside: the own vehicle.",
         limits=(-1000.0, 1000.0), constraints=_SIX),
    Spec(
        "sweeps.count", -1, "Clouds joined into one, for a model of several sweeps (with the"
        " feature time_lag); -1: as many as in its training.", at_configure=True, limits=(-1, 50),
    ),
    Spec(
        "sweeps.fixed_frame", "odom",
        "Frame that stands still while the vehicle moves, without jumps (REP 105); for several"
        " sweeps.", at_configure=True,
    ),
    Spec("sweeps.tf_timeout", 0.05, "Seconds to wait for a transform.", limits=(0.0, 1.0)),
    Spec(
        "sweeps.max_gap", 0.3, "Seconds between two clouds after which sweeps are joined anew.",
        limits=(0.0, 60.0),
    ),
    Spec(
        "sweeps.on_tf_error", "single_sweep", "What to do with a cloud whose place is not known:"
        " detect in it alone, or answer with no boxes.", choices=("single_sweep", "drop"),
    ),
)  # fmt: skip

_POSTPROCESS = (
    Spec(
        THRESHOLD + "default", -1.0,
        "Least score of a published box; -1: the operating point that the checkpoint brings for"
        " each class (0.3 where it brings none). What the network's decoding has left out does"
        " not come back.", limits=(-1.0, 1.0), constraints="-1, or 0 to 1",
    ),
    Spec(
        BINS, (0.0,), "Metres from the sensor at which the distance bins of the classes' score"
        " thresholds begin; set it together with these.", limits=(0.0, 1000.0),
        constraints="rising, from 0.0 on",
    ),
    Spec(
        NMS, -1.0, "Overlap from above from which on the weaker of two"
        " boxes goes; -1: the checkpoint's.", at_configure=True, limits=(-1.0, 1.0),
        constraints="-1, or 0 to 1",
    ),
    Spec(
        "postprocess.max_detections", 200, "Most boxes published for one cloud, the best ones.",
        limits=(1, 2000),
    ),
    Spec(
        "postprocess.ego_distance", 0.3, "Metres; boxes that come nearer to the sensor than this"
        " are the own vehicle's and left out; -1: none are.", limits=(-1.0, 10.0),
    ),
    Spec(
        "postprocess.min_points_in_box", 0, "Boxes with fewer points in them are left out.",
        limits=(0, 1000),
    ),
)  # fmt: skip

_OUTPUT = (
    Spec(
        "output.frame_id", "", "Frame of the published boxes, by tf2 at the cloud's stamp; empty:"
        " the cloud's own.", at_configure=True,
    ),
    Spec("output.depth", 1, "Answers that the middleware keeps for slow listeners.",
         at_configure=True, limits=(1, 100)),
    Spec("output.class_id_format", "name", "What class_id says: the class' name or its index.",
         at_configure=True, choices=("name", "index")),
    Spec("output.markers", True, "Publish ~/markers for RViz while somebody subscribes to it."),
    Spec("diagnostics.period", 1.0, "Seconds between two messages on /diagnostics.",
         at_configure=True, limits=(0.05, 60.0)),
    Spec("diagnostics.latency_budget_ms", 100.0, "A p95 of arrival to answer above it is a"
         " warning.", limits=(0.0, 60_000.0)),
    Spec("diagnostics.latency_error_ms", 200.0, "One above this is an error.",
         limits=(0.0, 60_000.0)),
    Spec("diagnostics.min_rate_hz", 0.0, "Clouds a second below it are a warning; 0: never.",
         limits=(0.0, 1000.0)),
    Spec("diagnostics.zero_detection_warn_s", 30.0, "Seconds of clouds without any box after which"
         " the diagnostics warn.", limits=(0.0, 3600.0)),
    Spec(
        "autostart", True,
        "Configure and activate without being asked, and end with exit code 1 if that fails;"
        " false under a lifecycle manager.", read_only=True,
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
            THRESHOLD + name.lower(), -1.0, f"Least score of a published {name.lower()}: one"
            f" number, or one for each of {BINS}; -1: the default one.", limits=(-1.0, 1.0),
            constraints="-1, or 0 to 1", number_or_list=True,
        )
        for name in classes
    ]  # fmt: skip
    names = [
        Spec(
            CLASS_MAP + name.lower(), "", f"What a {name.lower()} is called on the topics; empty:"
            " so; drop: not published.",
        )
        for name in classes
    ]  # fmt: skip
    return [*thresholds, *names]
