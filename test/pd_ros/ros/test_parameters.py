"""Parameters against rclpy itself: what a node declares, takes and refuses."""

import dataclasses
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from default_settings import default_settings  # noqa: E402

from pd_ros.pointcloud.decode import DecodeOptions  # noqa: E402
from pd_ros.ros.parameters import declare, descriptor, make_check, values_of  # noqa: E402
from pd_ros.runtime.parameters.read import read_settings, read_startup  # noqa: E402
from pd_ros.runtime.parameters.rules import check_names, why_not  # noqa: E402
from pd_ros.runtime.parameters.specs import SPECS, Spec, class_specs  # noqa: E402

# lark, of which rclpy's message generators make use, imports a module that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

CLASSES = ("Car", "Pedestrian")
KNOWN = ["use_sim_time"] + [spec.name for spec in (*SPECS, *class_specs(CLASSES))]
CAR = "postprocess.score_threshold.car"
MAP = "postprocess.class_map.car"
CHOSEN = (0.3, 0.3)  # by the checkpoint
DEFAULT = "postprocess.score_threshold.default"
BINS = "postprocess.distance_bins"


@pytest.fixture(scope="module")
def context():
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.shutdown()


@pytest.fixture
def make_node(context):
    """Makes nodes with values given at the start, as a launch file gives them."""
    nodes = []

    def make(**given):
        overrides = [rclpy.Parameter(name, value=value) for name, value in given.items()]
        node = rclpy.create_node(
            "detector",
            context=context,
            parameter_overrides=overrides,
            start_parameter_services=False,
            enable_rosout=False,
        )
        nodes.append(node)
        declare(node, SPECS)
        declare(node, class_specs(CLASSES))
        node.add_on_set_parameters_callback(make_check(node, lambda: True))
        return node

    yield make
    for node in nodes:
        node.destroy_node()


PLAIN = default_settings(
    score_thresholds=((0.3,), (0.3,)), names=("car", "pedestrian"), autoware_labels=(1, 7)
)


def change(node, **values):
    return node.set_parameters_atomically(
        [rclpy.Parameter(name, value=value) for name, value in values.items()]
    )


def test_defaults_are_within_their_own_limits_and_described(make_node) -> None:
    node = make_node()
    for spec in (*SPECS, *class_specs(CLASSES)):
        value = node.get_parameter(spec.name).value
        assert (tuple(value) if isinstance(spec.default, tuple) else value) == spec.default
        described = node.describe_parameter(spec.name)
        assert described.description == spec.description != ""
        assert described.read_only == spec.read_only
    reliability = node.describe_parameter("input.reliability")
    assert reliability.additional_constraints == (
        "one of: auto, best_effort, reliable; read-only while configured"
    )
    count = node.describe_parameter("postprocess.max_detections").integer_range[0]
    assert (count.from_value, count.to_value) == (1, 2000)
    offset = node.describe_parameter("input.z_offset").floating_point_range[0]
    assert (offset.from_value, offset.to_value) == (-10.0, 10.0)


def test_settings_are_those_of_the_node_in_the_classes_order(make_node) -> None:
    node = make_node(**{CAR: 0.6, "input.intensity.scale": 0.5, "output.markers": False})
    expected = default_settings(
        decoding=DecodeOptions(scale=0.5),
        names=("car", "pedestrian"),
        autoware_labels=(1, 7),
        score_thresholds=((0.6,), (0.3,)),
        markers=False,
    )
    assert read_settings(values_of(node), CLASSES, CHOSEN) == expected
    assert read_settings(values_of(node), CLASSES[::-1], CHOSEN).score_thresholds == (
        (0.3,),
        (0.6,),
    )


def test_settings_that_were_read_do_not_change_with_the_node(make_node) -> None:
    node = make_node()
    before = read_settings(values_of(node), CLASSES, CHOSEN)
    values = {DEFAULT: 0.45, CAR: 0.0, "input.z_offset": -0.4, "postprocess.max_detections": 7}
    assert change(node, **values).successful
    after = read_settings(values_of(node), CLASSES, CHOSEN)
    assert before == PLAIN
    assert after == dataclasses.replace(
        before, score_thresholds=((0.0,), (0.45,)), z_offset_m=-0.4, max_detections=7
    )
    assert change(node, **{CAR: -1.0}).successful
    assert read_settings(values_of(node), CLASSES, CHOSEN).score_thresholds == ((0.45,), (0.45,))


REFUSED = [
    ("input.z_offset", 10.5, "out of range"),
    ("input.z_offset", float("nan"), None),
    ("input.z_offset", 1, "Wrong parameter type"),
    ("input.z_offset", "Auto", "expected a number, such as 0.5, or auto, got 'Auto'"),
    ("input.z_offset", True, "Wrong parameter type"),
    ("input.z_offset", [0.5], "Wrong parameter type"),
    ("input.intensity.scale", -1.0, "out of range"),
    ("input.intensity.scale", float("inf"), None),
    (DEFAULT, -0.1, "expected -1 or 0 to 1, got -0.1"),
    (DEFAULT, -1.1, "out of range"),
    (DEFAULT, 1.1, "out of range"),
    (CAR, -0.5, "expected -1 (the default threshold) or 0 to 1, got -0.5"),
    (CAR, 1.5, "expected -1 (the default threshold) or 0 to 1, got 1.5"),
    (CAR, "high", "Wrong parameter type"),
    (CAR, True, "Wrong parameter type"),
    (CAR, [True], "Wrong parameter type: expected a number or a list of numbers, got [True]"),
    (MAP, "a\nb", "printable characters on one line"),
    (MAP, "v" * 10_000, "a name has 1 to 100 characters, got 10000"),
    (MAP, " car", "without spaces about it"),
    ("postprocess.max_detections", 0, "out of range"),
    ("postprocess.max_detections", 3.0, "Wrong parameter type"),
    ("output.markers", "yes", "Wrong parameter type"),
    ("output.message", "both", "read-only"),
    ("diagnostics.period", 0.5, "read-only"),
    ("roi.range", [1.0], "expected 6 numbers"),
    ("roi.range", [0] * 6, "Wrong parameter type"),
    (BINS, [5.0], "expected rising numbers from 0.0 on"),
    ("model.checkpoint", "other.safetensors", "read-only"),
    ("input.reliability", "reliable", "read-only"),
    ("autostart", False, "read-only"),
]


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_bad_values_are_refused_with_the_reason_and_change_nothing(
    make_node, name, value, reason
) -> None:
    node = make_node()
    before = node.get_parameter(name).value
    result = change(node, **{name: value})
    assert not result.successful
    assert (reason or name) in result.reason
    assert node.get_parameter(name).value == before


def test_all_of_a_change_is_refused_for_one_bad_value(make_node) -> None:
    node = make_node()
    result = change(node, **{DEFAULT: 0.7, CAR: -0.25})
    assert not result.successful
    assert result.reason.startswith(f"{CAR}: ")
    assert read_settings(values_of(node), CLASSES, CHOSEN) == PLAIN


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("input.reliability", "sometimes", "expected one of auto, best_effort, reliable, got 'so"),
        ("input.intensity.mode", "raw", "expected one of auto, scale, constant, zero, got 'raw'"),
        ("output.message", "json", "expected one of vision_msgs, autoware, both, got 'json'"),
        ("input.z_offset", float("nan"), "expected finite numbers, got nan"),
        ("input.intensity.scale", float("-inf"), "expected finite numbers, got -inf"),
        (CAR, -0.001, "expected -1 (the default threshold) or 0 to 1"),
        (CAR, [0.5, 1.5], "expected -1 (the default threshold) or 0 to 1"),
        (CAR, [], "Wrong parameter type: expected a number or a list of numbers, got []"),
        (CAR, [0.5, 0.4, 0.3], "expected one number, or 2 as there are postprocess.distance_bins"),
        (BINS, [], "expected rising numbers from 0.0 on, got []"),
        (BINS, [10.0, 20.0], "expected rising numbers from 0.0 on"),
        (BINS, [0.0, 20.0, 20.0], "expected rising numbers from 0.0 on"),
        ("roi.range", [0.0, 0.0, 0.0], "expected 6 numbers (x, y, z minimum"),
        ("roi.range", [5.0, -1.0, -1.0, 5.0, 1.0, 1.0], "expected each minimum below its maximum"),
        ("roi.ego_box", [-2000.0, -1.0, -1.0, 5.0, 1.0, 1.0], "expected numbers from -1000.0"),
        ("postprocess.nms_iou_threshold", -0.5, "expected -1 or 0 to 1, got -0.5"),
        ("diagnostics.latency_budget_ms", 300.0, "expected at most latency_error_ms (200.0)"),
    ],
)
def test_rules_of_our_own(name, value, reason) -> None:
    after = {BINS: [0.0, 30.0], "diagnostics.latency_error_ms": 200.0, name: value}
    given = {"output.markers": True, name: value}
    assert why_not(given, {**after, **given}, configured=False).startswith(f"{name}: {reason}")


def test_good_values_pass() -> None:
    box = [-1.0, -1.0, -2.0, 1.0, 1.0, 1.0]
    values = {CAR: -1.0, DEFAULT: 0.0, "input.reliability": "best_effort", "input.z_offset": -10.0}
    values |= {"roi.range": [0.0] * 6, "roi.ego_box": box, BINS: [0.0, 9.5]}
    assert why_not(values, values, configured=False) == ""
    assert why_not({"postprocess.score_threshold.van": 1.0}, {}, configured=True) == ""
    assert why_not({}, {}, configured=True) == ""


def test_thresholds_by_distance_come_with_their_bins(make_node) -> None:
    node = make_node(**{BINS: [0.0, 20.0, 40.0], CAR: [0.5, 0.4, -1.0]})
    assert read_settings(values_of(node), CLASSES, CHOSEN).score_thresholds == (
        (0.5, 0.4, 0.3),
        (0.3, 0.3, 0.3),
    )
    result = change(node, **{BINS: [0.0, 20.0]})
    assert not result.successful
    assert "set both together" in result.reason
    assert change(node, **{BINS: [0.0, 25.0], CAR: [0.1, 0.2]}).successful
    settings = read_settings(values_of(node), CLASSES, CHOSEN)
    assert settings.distance_bins_m == (0.0, 25.0)
    assert settings.score_thresholds[0] == (0.1, 0.2)


def test_classes_get_the_sites_names_while_running(make_node) -> None:
    node = make_node()
    assert change(node, **{"postprocess.class_map.car": "vehicle"}).successful
    assert change(node, **{"postprocess.class_map.pedestrian": "drop"}).successful
    assert read_settings(values_of(node), CLASSES, CHOSEN).names == ("vehicle", "")


def test_what_is_read_at_configure(make_node) -> None:
    given = {"model.precision": "fp32", "sweeps.count": 3, "output.frame_id": "map"}
    node = make_node(**given)
    startup = read_startup(values_of(node), "default.safetensors")
    assert (startup.checkpoint, startup.precision) == ("default.safetensors", "fp32")
    assert (startup.sweeps_count, startup.output_frame_id, startup.sensor_frame) == (3, "map", "")


def test_bad_values_at_the_start_are_refused(make_node) -> None:
    with pytest.raises(ValueError, match=r"parameter postprocess\.max_detections: .*out of range"):
        make_node(**{"postprocess.max_detections": 99_999})
    with pytest.raises(ValueError, match=f"parameter {DEFAULT}: .*"):
        make_node(**{DEFAULT: 1})


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("postprocess.max_detection", "postprocess.max_detections"),
        ("input.zoffset", "input.z_offset"),
        ("postprocess.score_threshold.cars", CAR),
        ("model.checkpiont", "model.checkpoint"),
        ("modle.precision", "model.precision"),
        ("score_threshold", DEFAULT),
        ("max_detections", "postprocess.max_detections"),
        ("Roi.Range", "roi.range"),
        ("postproces.class_map.car", "postprocess.class_map.car"),
        ("use_simtime", "use_sim_time"),
    ],
)
def test_a_typo_gets_a_suggestion(given, near) -> None:
    with pytest.raises(ValueError, match=f"parameter {given}: no such .*did you mean {near}\\?"):
        check_names([*KNOWN, given], KNOWN)


def test_a_name_like_none_gets_the_list() -> None:
    with pytest.raises(ValueError, match=r"known are autostart, .*postprocess\.score_threshold"):
        check_names(["output.qqqqqqqqqqqqqqqqqqqq"], KNOWN)


def test_a_name_of_another_node_is_sent_to_its_own_section() -> None:
    with pytest.raises(
        ValueError, match=r"parameter wheels\.diameter: .* that node's own section"
    ):
        check_names([*KNOWN, "wheels.diameter"], KNOWN)


def test_names_of_rclpy_pass() -> None:
    depth = "qos_overrides./clock.subscription.depth"
    check_names([*KNOWN, depth], [*KNOWN, depth])


def test_an_override_of_qos_that_nobody_reads_is_refused() -> None:
    name = "qos_overrides./points.subscription.reliability"
    with pytest.raises(
        ValueError, match=f"parameter {name}: no topic .* clouds have input.reliability"
    ):
        check_names([*KNOWN, name], KNOWN)


def test_what_a_configuration_reads_is_settable_without_one() -> None:
    fixed = [spec.name for spec in SPECS if spec.at_configure]
    assert {"model.checkpoint", "input.reliability", "output.frame_id"} <= set(fixed)
    for name in fixed:
        given = {name: next(spec.default for spec in SPECS if spec.name == name)}
        assert why_not(given, given, configured=False) == ""
        assert why_not(given, given, configured=True).startswith(f"{name}: read-only while")


@pytest.mark.parametrize("name", ["default", "Drop"])
def test_classes_whose_parameters_mean_something_else_are_refused(name) -> None:
    with pytest.raises(ValueError, match=f"classes: {name.lower()}: means something else"):
        class_specs(["car", name])


def test_there_are_a_threshold_and_a_name_for_each_class() -> None:
    specs = class_specs(CLASSES)
    assert [spec.name for spec in specs[:2]] == [CAR, "postprocess.score_threshold.pedestrian"]
    assert {(spec.default, spec.limits) for spec in specs[:2]} == {(-1.0, (-1.0, 1.0))}
    assert [spec.name for spec in specs[2:]] == [
        "postprocess.class_map.car",
        "postprocess.class_map.pedestrian",
    ]
    assert descriptor(Spec("a", 1, "text")).integer_range == []


def test_the_page_has_every_parameter_with_its_description() -> None:
    page = Path(__file__).parents[3] / "docs" / "node" / "parameters.md"
    text = page.read_text(encoding="utf-8")
    for spec in SPECS:
        assert f"| `{spec.name}` |" in text
        assert f"| {spec.description} |" in text


def test_the_checkpoint_chooses_where_nobody_else_does(make_node) -> None:
    node = make_node()
    chosen = (0.62, 0.41)
    assert read_settings(values_of(node), CLASSES, chosen).score_thresholds == ((0.62,), (0.41,))
    assert change(node, **{CAR: 0.5}).successful
    assert read_settings(values_of(node), CLASSES, chosen).score_thresholds == ((0.5,), (0.41,))
    assert change(node, **{DEFAULT: 0.2, CAR: -1.0}).successful
    assert read_settings(values_of(node), CLASSES, chosen).score_thresholds == ((0.2,), (0.2,))
    assert change(node, **{DEFAULT: -1.0}).successful
    assert read_settings(values_of(node), CLASSES, chosen).score_thresholds == ((0.62,), (0.41,))
    assert not change(node, **{DEFAULT: -0.5}).successful
