"""Names in configs: of features of points, and names that go to topics and reports as they are."""

from typing import Annotated

from pydantic import AfterValidator, Field

INTENSITY = "intensity"
# Fields of a cloud that follow the intensity where a model wants them; 0 where there are none.
EXTRA_FIELDS = ("elongation",)
TIME_LAG = "time_lag"  # no field: the age of a sweep among several
_MOST_CHARACTERS = 100


def why_unreadable(name: str) -> str:
    """Say why a person cannot read a name in one line; empty for a good one."""
    if not name or len(name) > _MOST_CHARACTERS:
        return f"a name has 1 to {_MOST_CHARACTERS} characters, got {len(name)}"
    if not name.isprintable() or name != name.strip():
        return (
            "a name of printable characters on one line is needed, without spaces about it, got"
            f" {name!a}; rename it"
        )
    return ""


def _readable(name: str) -> str:
    if reason := why_unreadable(name):
        raise ValueError(reason)
    return name


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    """Upper and lower case are the same: parameters and comparisons make no difference."""
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise ValueError(f"names must differ, and not in case alone, got {name!r} again")
        seen.add(name.lower())
    return names


Name = Annotated[str, AfterValidator(_readable)]
FeatureNames = Annotated[tuple[Name, ...], Field(max_length=32), AfterValidator(_different)]
ClassNames = Annotated[
    tuple[Name, ...], Field(min_length=1, max_length=1000), AfterValidator(_different)
]
