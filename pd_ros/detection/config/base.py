"""Base of all configs: one YAML, read once, checked at once, frozen after.

The only file that reads configs, and the one that says what is wrong with them.
"""

import reprlib
from pathlib import Path
from typing import Annotated, Any, TypeVar

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
Width = Annotated[int, Field(gt=0, le=8192)]  # channels, or points of a ball
Widths = Annotated[tuple[Width, ...], Field(min_length=1, max_length=16)]
Strides = Annotated[tuple[Annotated[int, Field(gt=0, le=64)], ...], Field(min_length=1)]
Depth = Annotated[int, Field(ge=0, le=64)]  # layers one after the other
Count = Annotated[int, Field(gt=0, le=100_000_000)]  # points, pillars
Coordinate = Annotated[float, Field(ge=-10_000, le=10_000)]  # metres
Length = Annotated[float, Field(gt=0, le=10_000)]  # metres
CellSize = Annotated[float, Field(ge=0.001, le=10_000)]  # metres
Angle = Annotated[float, Field(ge=-100, le=100)]  # radians
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
_MOST_PROBLEMS = 20  # that are told of one file


class FrozenConfig(BaseModel):
    """Base of all configs: unknown keys are refused, and nothing changes after."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


ConfigT = TypeVar("ConfigT", bound=FrozenConfig)


def by_kind(default: str) -> Discriminator:
    """Tell the configs of a union apart; no ``kind``: older than there being several."""

    def kind(part: object) -> str:
        given = part.get("kind", default) if isinstance(part, dict) else getattr(part, "kind", "")
        known = isinstance(given, str) and given.isidentifier() and len(given) < 50
        return f"{_KIND}{given if known else 'unknown'}"

    return Discriminator(kind)


def of_kind(name: str) -> Tag:
    """Mark of one config of such a union."""
    return Tag(f"{_KIND}{name}")


def load_config(path: Path, kind: type[ConfigT]) -> ConfigT:
    """Read and check a YAML file; raises ``ValueError`` that names the file and every bad key."""
    return parse_config(read_yaml(path), kind, str(path))


def read_yaml(path: Path) -> object:
    """Read a YAML file; raises ``ValueError`` that names a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected text in UTF-8, got another encoding ({error.reason} at byte"
            f" {error.start}); save the file as UTF-8"
        ) from None
    try:
        content: object = yaml.load(text, _Loader)
    # Also what its values raise (a month 13).
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: is not valid YAML: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: is nested too deeply for a config; correct it") from None
    return content


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, of which YAML's would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make the dictionary of a node."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for (key, _), name in zip(node.value, keys, strict=False):
            if name != "<<" and keys.count(name) > 1:
                problem = f"the key {name} is there {keys.count(name)} times; keep one"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep)


def parse_config(content: object, kind: type[ConfigT], where: str) -> ConfigT:
    """Check already loaded content; raises ``ValueError`` with one line per bad key."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems = error.errors()
        lines = [_describe(where, problem) for problem in problems[:_MOST_PROBLEMS]]
        if len(problems) > _MOST_PROBLEMS:
            lines.append(f"{where}: and {len(problems) - _MOST_PROBLEMS} more")
        raise ValueError("\n".join(lines)) from None
    except RecursionError:
        raise ValueError(f"{where}: is nested too deeply for a config") from None


# A file from anywhere: what it says may be huge, deep, or meant for a terminal.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100


def _shortened(key: str) -> str:
    """A key as it is, unless it is none that anybody could have meant."""
    return key if key.isprintable() and len(key) <= 200 else _SHORT.repr(key)


def _describe(where: str, problem: object) -> str:
    assert isinstance(problem, dict)
    # Which kind of a part it was is in pydantic's path, but not in the file's.
    parts = [part for part in map(str, problem["loc"]) if not part.startswith(_KIND)]
    key = _shortened(".".join(parts)) or "(whole file)"
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "unknown key; remove it or correct its spelling"
    silent = problem["type"] in ("missing", "value_error")
    got = "" if silent else f" (got {_SHORT.repr(problem['input'])})"
    return f"{where}: {key}: {text}{got}"
