"""Why are there no boxes? A cloud against those that a checkpoint was trained on."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.pointcloud.bin_columns import Columns, parse_columns
from pd_ros.pointcloud.decode import INTENSITY_MODES, DecodeOptions, decode_points
from pd_ros.pointcloud.layout import CloudBytes, CloudError, CloudLayout, FieldNames, cloud_layout
from pd_ros.pointcloud.training_statistics import Expected
from pd_ros.pointcloud.z_offset import AutoOffset, measure_offset
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.bag import is_recording, open_recording
from pd_ros.recordings.cloud_files import SUFFIXES, list_clouds, read_raw
from pd_ros.recordings.cloud_options import add_columns, add_z_offset
from pd_ros.runtime.diagnostics.cloud_checks import Finding, verdict
from pd_ros.runtime.diagnostics.cloud_inspection import (
    ModelInput,
    beams_of,
    examine_cloud,
    judge_frame,
)
from pd_ros.runtime.diagnostics.mounting import judge_offset
from pd_ros.runtime.diagnostics.status import Level

_SHIPPED = Path(__file__).parents[1] / "weights" / "sim_student.safetensors"
_EXAMPLES = """examples:
  python -m pd_ros.inspect_cloud drive.mcap --model model.safetensors
  python -m pd_ros.inspect_cloud velodyne/000010.bin --json findings.json
  python -m pd_ros.inspect_cloud --topic /velodyne_points

The exit code is 1 where something has to be changed. The options are the node's parameters of the
same names: try values here before they are set there.
"""


class NamedCloud(NamedTuple):
    """A cloud nobody has touched, and what it is called."""

    name: str
    layout: CloudLayout
    data: CloudBytes
    frame_id: str = ""  # none in files


def inspect(arguments: Sequence[str] | None = None) -> int:
    """Command line of ``inspect_cloud``; returns the exit code: 1 where a finding warns."""
    options = _parse(arguments)
    return run_command("pd_ros.inspect_cloud", lambda: _inspect(options))


def _inspect(options: argparse.Namespace) -> int:
    checkpoint = load_checkpoint(options.model)
    cloud = _receive(options) if options.source is None else find_cloud(
        options.source, options.topic, options.cloud, parse_columns(options.columns)
    )  # fmt: skip
    model_input = ModelInput.of(checkpoint.config, checkpoint.training, checkpoint.where)
    expected = model_input.expected
    decoding = _decode_options(options)
    auto = _measure(cloud, decoding, expected) if options.z_offset is None else None
    findings = examine_cloud(
        cloud.layout, cloud.data, model_input, decoding,
        options.z_offset if auto is None else auto.settle(),
        beams=beams_of(cloud.layout, cloud.data, decoding),
    )  # fmt: skip
    findings[1:1] = judge_frame(cloud.frame_id)  # it explains much of what follows
    if auto is not None:
        findings[1:1] = [judge_offset(auto, expected.ground_m)]
    content = to_json(cloud.name, options.model, expected.recorded, findings)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(format_findings(cloud.name, expected.recorded, findings) + "\n")
    return 0 if verdict(findings)[0] is Level.OK else 1


def _measure(cloud: NamedCloud, decoding: DecodeOptions, expected: Expected) -> AutoOffset:
    """Settle the offset by this one cloud; by none if it cannot be read, which is a finding."""
    try:
        points = [decode_points(cloud.layout, cloud.data, decoding)]
    except CloudError:
        points = []
    return measure_offset(points, expected.ground_m)


def find_cloud(
    path: Path, topic: str | None, number: int | None, columns: Columns | None = None
) -> NamedCloud:
    """Return a cloud of a file, folder or recording; the middle one, if no number is given.

    Raises ``ValueError`` for what holds no such cloud.
    """
    if not path.exists():
        raise ValueError(f"{path}: expected a cloud, a folder or a recording, found nothing;"
                         " correct the path")  # fmt: skip
    if is_recording(path):
        return _from_recording(path, topic, number)
    if topic is not None:
        raise ValueError(f"--topic: expected none for files of clouds ({path}), got {topic};"
                         " leave it out")  # fmt: skip
    if path.is_file() and path.suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: expected a recording (.mcap, .db3, .bag) or a cloud ({', '.join(SUFFIXES)}),"
            f" got a file of {path.suffix or 'no suffix'}; choose another"
        )
    files = list_clouds(path) if path.is_dir() else [path]
    file = files[_place(path, number, len(files))]
    layout, data, *_ = read_raw(file, columns)
    return NamedCloud(str(file), layout, data)


def _from_recording(path: Path, topic: str | None, number: int | None) -> NamedCloud:
    with open_recording(path) as recording:
        chosen = recording.cloud_topic(topic)
        if not recording.count(chosen):
            raise ValueError(recording.empty(chosen))
        place = _place(path, number, recording.count(chosen))
        for index, (_, message) in enumerate(recording.messages(chosen)):
            if index == place:
                return NamedCloud(
                    f"{path} {chosen} #{index}", cloud_layout(message), bytes(message.data),
                    message.header.frame_id,
                )  # fmt: skip
    raise ValueError(f"{path}: {chosen}: expected a cloud number {place}, the topic ends before")


def _place(path: Path, number: int | None, count: int) -> int:
    place = count // 2 if number is None else number
    if not 0 <= place < count:
        raise ValueError(f"{path}: --cloud: expected 0 to {count - 1}, got {place}")
    return place


def _receive(options: argparse.Namespace) -> NamedCloud:
    try:
        from pd_ros.ros.tools.live_cloud import receive_cloud  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"--topic without a recording: needs ROS, which cannot be imported ({error}); source"
            " it, or give a recording"
        ) from None
    cloud = receive_cloud(options.topic, options.timeout)
    return NamedCloud(options.topic, cloud.layout, cloud.data, cloud.header.frame_id)


def to_json(
    name: str, model: Path, recorded: bool, findings: Sequence[Finding]
) -> dict[str, object]:
    """Return the findings for programs."""
    level, text = verdict(findings)
    rows = [{**finding._asdict(), "level": finding.level.name} for finding in findings]
    return {
        "cloud": name, "model": str(model), "training recorded": recorded, "level": level.name,
        "verdict": text, "findings": rows,
    }  # fmt: skip


def format_findings(name: str, recorded: bool, findings: Sequence[Finding]) -> str:
    """Return the findings for readers, one property after another."""
    against = "recorded in training" if recorded else (
        "not recorded in this checkpoint, that of the simulated HDL-64E is taken"
    )  # fmt: skip
    lines = [name, f"expectation: {against}", ""]
    for finding in findings:
        lines.append(f"{finding.level.name:5} {finding.name}: {finding.value}")
        lines.append(f"{'':6}expected: {finding.expected}")
        if finding.advice:
            lines.append(f"{'':6}-> {finding.advice}")
    return "\n".join([*lines, "", verdict(findings)[1]])


def _decode_options(options: argparse.Namespace) -> DecodeOptions:
    return DecodeOptions(
        names=FieldNames(intensity=options.intensity_field),
        mode=options.intensity_mode,
        scale=options.intensity_scale,
        constant=options.intensity_constant,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "pd_ros.inspect_cloud",
        "Say why a detector may find nothing in a cloud, and what to change.",
        _EXAMPLES,
    )
    add = parser.add_argument
    add("source", type=Path, nargs="?",
        help=f"recording (folder, .mcap, .db3, .bag), cloud ({', '.join(SUFFIXES)}, .pcd.bin) or"
             " folder of clouds; none: a running topic")  # fmt: skip
    add("--topic", help="of the clouds, in a recording or running")
    add("--cloud", type=int, metavar="N", help="which one, from 0; default: the middle one")
    add_columns(parser)
    add("--model", type=Path, default=_SHIPPED, help="checkpoint; default: the shipped student")
    add("--json", type=Path, metavar="FILE", help="write the findings here as well")
    add("--timeout", type=float, default=10.0, help="seconds to wait for a running topic")
    add("--intensity-field", default="", help="as input.field_map.intensity")
    add(
        "--intensity-mode", choices=INTENSITY_MODES, default="auto", help="as input.intensity.mode"
    )
    add("--intensity-scale", type=float, default=1.0, help="as input.intensity.scale")
    add("--intensity-constant", type=float, default=0.0, help="as input.intensity.constant")
    add_z_offset(parser)
    options = parser.parse_args(arguments)
    if options.source is None and options.topic is None:
        parser.error("expected a file, a folder, a recording or --topic, got none of them")
    return options
