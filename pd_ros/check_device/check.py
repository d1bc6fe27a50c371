"""What a check is, what it is given, and what it finds; the standard library alone."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # the supervisor of the checks does without numpy
    import numpy as np
    from numpy.typing import NDArray

Thing = TypeVar("Thing")


class Verdict(StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Skip(Exception):  # noqa: N818 - nothing is wrong
    """Raised by a check that cannot be made here; its text is the reason."""


@dataclass(frozen=True)
class Check:
    """One row of the plan."""

    part: str  # what is checked; rows of one part share a line of the table
    module: str  # whose function ``check`` it is
    network: str = ""  # of which detector; empty: of none
    needs: tuple[str, ...] = ()  # packages that a machine may lack
    gpu: bool = False  # nothing is to be checked on a CPU
    weight: float = 1.0  # its share of the time

    @property
    def name(self) -> str:
        """Part and network in one word for messages."""
        return f"{self.part} {self.network}".strip()


@dataclass(frozen=True)
class Setting:
    """What a check is given."""

    device: str
    network: str  # name or path of a checkpoint or YAML
    clouds: "tuple[NDArray[np.float32], ...]"  # at least one, [N, 4] x, y, z in m, intensity
    seconds: float  # for repeats: after these no more are begun

    def repeat(self, things: Iterable[Thing], least: int = 1) -> Iterator[Thing]:
        """The things until the time is over, but at least some."""
        ends = time.monotonic() + self.seconds
        for number, thing in enumerate(things):
            if number >= least and time.monotonic() > ends:
                return
            yield thing


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    passed: bool
    text: str  # one line, with figures
    figures: Mapping[str, object] = field(default_factory=dict)  # for the JSON


@dataclass(frozen=True)
class Outcome:
    """What a check came to, whatever happened to it."""

    check: Check
    verdict: Verdict
    text: str
    figures: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    broken: bool = False  # its process is not to be used again
