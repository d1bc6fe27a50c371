"""What all configs share: one YAML, read once, checked at once, frozen after.

The only file that reads configs, and the one that says what is wrong with them.
"""

from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
)

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Overlap = Annotated[float, Field(gt=0, le=1)]


def _readable(name: str) -> str:
    """Refuse what a table, a log or a terminal would not show as one word of a line."""
    if not name.isprintable() or not name.strip():
        raise ValueError(
            f"a name of printable characters on one line is needed, got {name!r}; rename it"
        )
    return name


Name = Annotated[str, AfterValidator(_readable)]

_KIND = "kind="


class FrozenConfig(BaseModel):
    """Base of all configs: unknown keys are refused, and nothing changes after."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


ConfigT = TypeVar("ConfigT", bound=FrozenConfig)


def by_kind(default: str) -> Discriminator:
    """Tell the configs of a union apart; no ``kind``: older than there being several."""

    def kind(part: object) -> str:
        given = part.get("kind", default) if isinstance(part, dict) else getattr(part, "kind", "")
        return f"{_KIND}{given}"

    return Discriminator(kind)


def of_kind(name: str) -> Tag:
    """Mark of one config of such a union."""
    return Tag(f"{_KIND}{name}")


def load_config(path: Path, kind: type[ConfigT]) -> ConfigT:
    """Read and check a YAML file; raises ``ValueError`` that names the file and every bad key."""
    return parse_config(read_yaml(path), kind, str(path))


def read_yaml(path: Path) -> object:
    """What a YAML file says; raises ``ValueError`` that names a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    try:
        content: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: is not valid YAML: {error}") from None
    return content


def parse_config(content: object, kind: type[ConfigT], where: str) -> ConfigT:
    """Check already loaded content; raises ``ValueError`` with one line per bad key."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [_describe(where, problem) for problem in error.errors()]
        raise ValueError("\n".join(lines)) from None


def _describe(where: str, problem: object) -> str:
    assert isinstance(problem, dict)
    # Which kind of a part it was is in pydantic's path, but not in the file's.
    parts = [part for part in map(str, problem["loc"]) if not part.startswith(_KIND)]
    key = ".".join(parts) or "(whole file)"
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "unknown key; remove it or correct its spelling"
    got = "" if problem["type"] in ("missing", "value_error") else f" (got {problem['input']!r})"
    return f"{where}: {key}: {text}{got}"
