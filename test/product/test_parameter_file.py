"""Which files of parameters are meant for a node: our rule against rcl's own answer."""

import pytest
from pd_ros_launch.parameter_file import check_parameter_file

KEYS = [
    "/**", "/*", "/*/*", "lidar_detector", "/lidar_detector", "ns/lidar_detector",
    "/ns/lidar_detector", "/**/lidar_detector", "/*/lidar_detector", "ns/**", "/ns/*", "ns",
    "/ns/lidar_detectors", "/x/**/lidar_detector", "/ns/**/lidar_detector",
    "/**/ns/lidar_detector", "/**/lidar_detecto",
]  # fmt: skip
NAMESPACES = ["/", "/ns", "/a/ns"]
SECTION = "{key}:\n  ros__parameters:\n    every: 3\n"
NESTED = """
ns:
  other: {ros__parameters: {a: 1}}
  lidar_detector: {ros__parameters: {a: 1}}
"""


def is_taken(path, node: str) -> bool:
    try:
        check_parameter_file(path, [node])
    except ValueError as error:
        assert "expected parameters of" in str(error)
        return False
    return True


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_it_is_the_rule_of_rcl(namespace, tmp_path) -> None:
    rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    path = tmp_path / "parameters.yaml"
    for text in [*(SECTION.format(key=key) for key in KEYS), NESTED]:
        path.write_text(text)
        context = rclpy.Context()
        context.init(["--ros-args", "--params-file", str(path), "-r", f"__ns:={namespace}"])
        node = rclpy.create_node(
            "lidar_detector", context=context, start_parameter_services=False,
            automatically_declare_parameters_from_overrides=True,
        )  # fmt: skip
        given = node.has_parameter("every") or node.has_parameter("a")
        full_name = node.get_fully_qualified_name()
        node.destroy_node()
        context.shutdown()
        assert is_taken(path, full_name) == given, text


def test_every_node_needs_its_own_and_the_others_may_be_there(tmp_path) -> None:
    path = tmp_path / "parameters.yaml"
    path.write_text("/**/a:\n  ros__parameters: {}\n/**/c:\n  ros__parameters: {x: 1}\n")
    check_parameter_file(path, ["/n/a", "/n/c"])
    with pytest.raises(ValueError, match=r"parameters of /n/b, got those of /\*\*/a, /\*\*/c"):
        check_parameter_file(path, ["/n/a", "/n/b"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected names of nodes with ros__parameters below them, got NoneType"),
        (b"- 1\n", "got list"),
        (b"a: [1\n", "expected YAML"),
        ("a: ä\n".encode("utf-16"), "expected UTF-8"),
        (b"/lidar_detector:\n  autostart: false\n", "got those of no node; put them under"),
        (b"/lidar_detector:\n  ros__parameters:\n", "got those of no node"),
    ],
    ids=["empty", "list", "broken", "utf-16", "flat", "nothing"],
)
def test_what_is_no_parameter_file_is_refused_by_name(content, message, tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        check_parameter_file(path, ["/lidar_detector"])
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: expected a file of parameters, got none"):
        check_parameter_file(tmp_path / "none.yaml", ["/lidar_detector"])
    with pytest.raises(ValueError, match="expected a file"):
        check_parameter_file(tmp_path, ["/lidar_detector"])
