"""An .mcap written record by record, as other programs than ROS 2's recorder leave it."""

import struct
from pathlib import Path

MAGIC = b"\x89MCAP0\r\n"


def write_mcap(
    path: Path,
    messages: list[tuple[int, bytes]],
    topic: str,
    type_name: str,
    definition: str,
    profile: str = "",
    schema: str = "ros2msg",
    encoding: str = "cdr",
) -> Path:
    """Messages of one topic by their times in nanoseconds; no chunks and no summary."""
    records = [
        (0x01, _text(profile) + _text("")),
        (0x03, struct.pack("<H", 1) + _text(type_name) + _text(schema) + _text(definition)),
        (0x04, struct.pack("<HH", 1, 1) + _text(topic) + _text(encoding) + struct.pack("<I", 0)),
    ]
    for number, (time_ns, data) in enumerate(messages):
        records.append((0x05, struct.pack("<HIQQ", 1, number, time_ns, time_ns) + data))
    records += [(0x0F, struct.pack("<I", 0)), (0x02, struct.pack("<QQI", 0, 0, 0))]
    body = b"".join(struct.pack("<BQ", code, len(data)) + data for code, data in records)
    path.write_bytes(MAGIC + body + MAGIC)
    return path


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text.encode())) + text.encode()
