"""What came out: a line for each check, a table of them all, JSON, and a text for an issue."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pd_ros
from pd_ros.check_device.check import Outcome, Verdict

_MARKS = {Verdict.PASSED: "ok", Verdict.FAILED: "FAILED", Verdict.SKIPPED: "-"}
_TRACE_LINES = 12  # of an error, in the text for an issue


def outcome_line(outcome: Outcome) -> str:
    """Verdict, check, figures and seconds."""
    mark, name = _MARKS[outcome.verdict], outcome.check.name
    return f"{mark:7}{name:32} {outcome.text} [{outcome.seconds:.1f} s]"


@dataclass(frozen=True)
class Report:
    """All outcomes of a run, and what they are of."""

    device: str
    clouds: str
    minutes: float
    outcomes: tuple[Outcome, ...]

    def summary(self) -> str:
        """How many checks came out how."""
        counts = Counter(outcome.verdict for outcome in self.outcomes)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)

    def table(self) -> str:
        """Parts down, networks across; an empty place where there is no such check."""
        networks = list(dict.fromkeys(o.check.network for o in self.outcomes if o.check.network))
        found = {(o.check.part, o.check.network): o for o in self.outcomes}
        parts = dict.fromkeys(part for part, _ in found)
        rows = [["", *networks]] if networks else []
        for part in parts:
            if (part, "") in found:  # of no network
                rows.append([part, _MARKS[found[part, ""].verdict]])
                continue
            cells = [found.get((part, network)) for network in networks]
            rows.append([part, *(_MARKS[cell.verdict] if cell else "" for cell in cells)])
        return "\n".join(_aligned(rows))

    def json(self) -> str:
        """Everything that was found, for programs."""
        content = {
            "version": pd_ros.__version__,
            "device": self.device,
            "clouds": self.clouds,
            "minutes": self.minutes,
            "checks": [
                {
                    "part": outcome.check.part,
                    "network": outcome.check.network,
                    "verdict": outcome.verdict,
                    "text": outcome.text,
                    "seconds": round(outcome.seconds, 2),
                    "figures": outcome.figures,
                }
                for outcome in self.outcomes
            ],
        }
        return json.dumps(content, indent=2, default=str) + "\n"

    def issue(self) -> str:
        """Markdown that holds all that whoever mends it wants to know."""
        return "\n".join(self._issue_lines()) + "\n"

    def _issue_lines(self) -> Iterator[str]:
        yield f"### pd_ros.check_device on {self.device}: {self.summary()}\n"
        yield f"pd_ros {pd_ros.__version__}, Python {sys.version.split()[0]}; {self.clouds}\n"
        yield from ("```", self.table(), "```\n")
        for title, verdict in (("Failed", Verdict.FAILED), ("Passed", Verdict.PASSED)):
            chosen = [each for each in self.outcomes if each.verdict == verdict]
            if chosen:
                yield from (f"{title}:\n", "```", *map(outcome_line, chosen), "```\n")
        for outcome in self.outcomes:
            if trace := str(outcome.figures.get("traceback", "")):
                lines = trace.strip().splitlines()[-_TRACE_LINES:]
                yield from (f"{outcome.check.name}:\n", "```", *lines, "```\n")
        reasons = Counter(o.text for o in self.outcomes if o.verdict == Verdict.SKIPPED)
        for reason, count in reasons.items():
            yield f"- {count} skipped: {reason}"
        yield from self._machine()

    def _machine(self) -> Iterator[str]:
        figures: Mapping[str, object] = next(
            (each.figures for each in self.outcomes if each.check.part == "driver"), {}
        )
        if figures:
            yield from ("\n<details><summary>Machine</summary>\n", "```json")
            yield json.dumps(figures, indent=1, default=str)
            yield from ("```", "</details>")


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    columns = max(len(row) for row in rows)
    full = [row + [""] * (columns - len(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    for row in full:
        yield "  ".join(
            f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()
