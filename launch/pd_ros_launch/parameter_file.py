"""A file of ROS parameters looked at before a node is started with it; no ROS needed.

rcl takes a section that is meant for another node, or for one that is misspelt, without a word.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

_PARAMETERS = "ros__parameters"
# rcl's wildcards, as parts of a node's full name
_ANY_PARTS, _ONE_PART = r"(/\w+)*", r"/\w+"


def check_parameter_file(path: Path, nodes: Sequence[str]) -> None:
    """Raise ``ValueError`` where a file cannot be read or holds nothing for one of the nodes.

    ``nodes``: their full names, as ``/front/lidar_detector``.
    """
    sections = list(_sections(_content(path)))
    for node in nodes:
        if not any(_matches(section, node) for section in sections):
            name = node.rpartition("/")[2]
            raise ValueError(
                f"{path}: expected parameters of {node}, got those of"
                f" {', '.join(sections) or 'no node'}; put them under /**/{name}:, then"
                f" {_PARAMETERS}:"
            )


def _content(path: Path) -> dict[Any, Any]:
    """Read a file; ``ValueError`` names it where it holds no mapping."""
    if not path.is_file():
        raise ValueError(f"{path}: expected a file of parameters, got none; correct the path")
    try:
        content = yaml.safe_load(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8, got {error}; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: expected YAML, got {error}") from None
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: expected names of nodes with {_PARAMETERS} below them, got"
            f" {type(content).__name__}"
        )
    return content


def _sections(content: dict[Any, Any], above: str = "") -> Iterator[str]:
    """Full names of the nodes, with wildcards, for which there are parameters."""
    for key, value in content.items():
        if key == _PARAMETERS:
            if isinstance(value, dict):
                yield above
        elif isinstance(value, dict):
            yield from _sections(value, f"{above}/{str(key).removeprefix('/')}")


def _matches(section: str, node: str) -> bool:
    """Whether rcl gives a section's parameters to a node."""
    wildcards = {"**": _ANY_PARTS, "*": _ONE_PART}
    parts = section.removeprefix("/").split("/")
    pattern = "".join(wildcards.get(part, "/" + re.escape(part)) for part in parts)
    return re.fullmatch(pattern, node) is not None
