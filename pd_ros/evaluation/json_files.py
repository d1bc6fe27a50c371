"""JSON files of boxes: read at once and checked at once, with errors that a user can act on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Checked(BaseModel):
    """Base of what files hold: no conversions, finite numbers; other keys are left alone."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


ContentT = TypeVar("ContentT", bound=BaseModel)


def read_json(path: Path, kind: type[ContentT]) -> ContentT:
    """Read and check a file; raises ``ValueError`` that names the file and the place in it."""
    if not path.is_file():
        raise ValueError(f"{path}: expected a JSON file, found no such file; correct the path")
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        problems = error.errors(include_url=False)
        more = f" (and {len(problems) - 1} more like it)" if len(problems) > 1 else ""
        raise ValueError(f"{path}: {_describe(problems[0])}{more}; correct the file") from None


def _describe(problem: "ErrorDetails") -> str:
    *place, last = ("", *problem["loc"])
    got = problem["input"]
    if problem["type"] == "json_invalid":
        return problem["msg"].replace("Invalid JSON:", "expected JSON, got none:")
    if problem["type"] == "missing":
        what = f"key {last}" if isinstance(last, str) else f"value number {last + 1}"
        given = ", ".join(got) or "none" if isinstance(got, Mapping) else repr(got)
        return f"{_join(place)}expected a {what}, got {shorten(given, 100)}"
    text = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{_join([*place, last])}{text}, got {shorten(repr(got), 60)}"


def _join(place: Sequence[str | int]) -> str:
    text = ".".join(str(part) for part in place if part != "")
    return f"{text}: " if text else ""
