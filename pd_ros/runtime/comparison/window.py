"""Sum up how student and teacher agree over the last clouds, and judge it."""

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.runtime.diagnostics.status import CALLBACK_FAILED, Health, Level

# With fewer boxes a share says nothing.
_LEAST_BOXES = 20


@dataclass(frozen=True)
class ComparisonCounts:
    """What happened since the node started."""

    clouds: int = 0
    answers: int = 0
    pairs: int = 0  # clouds with the student's answer
    compared: int = 0
    skipped: int = 0  # due, but the teacher was busy
    failed: int = 0  # the teacher raised an error
    callbacks_failed: int = 0  # what else did
    last_ms: float = 0.0  # what the last comparison took


class ComparisonCounter:
    """Counts that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = ComparisonCounts()

    def read(self) -> ComparisonCounts:
        """Return all counts as they are at one moment."""
        with self._lock:
            return self._counts

    def add(self, **numbers: int) -> ComparisonCounts:
        """Add to some counts, by their names, and return them all."""
        with self._lock:
            sums = {name: getattr(self._counts, name) + n for name, n in numbers.items()}
            self._counts = replace(self._counts, **sums)
            return self._counts

    def compared(self, last_ms: float) -> None:
        """Count a comparison, and what it took."""
        with self._lock:
            compared = self._counts.compared + 1
            self._counts = replace(self._counts, compared=compared, last_ms=last_ms)


@dataclass(frozen=True)
class AgreementLimits:
    """Below these shares, and above this time, diagnostics warn."""

    recall: float
    precision: float
    teacher_time_s: float


class AgreementWindow:
    """Sums over the last ``length`` clouds that were compared, for each class."""

    def __init__(self, length: int, classes: Sequence[str]) -> None:
        self._tables: deque[Mapping[str, Sequence[Agreement]]] = deque(maxlen=length)
        self._classes = classes

    def add(self, table: Mapping[str, Sequence[Agreement]]) -> None:
        """Take in one cloud; the oldest goes."""
        self._tables.append(table)

    def totals(self) -> dict[str, Agreement]:
        """Return the sums, all zero before the first cloud."""
        tables = list(self._tables)
        return {
            name: sum((part for table in tables for part in table[name]), Agreement())
            for name in self._classes
        }


def judge_comparison(
    before: ComparisonCounts,
    now: ComparisonCounts,
    busy_s: float,
    totals: Mapping[str, Agreement],
    limits: AgreementLimits,
    silence: str = "",
) -> Health:
    """Judge the period between two readings; the worst thing found is said.

    ``busy_s``: for how long the teacher has been at the cloud in work; 0 if it is idle.
    ``silence``: why no cloud came, as far as that is known.
    """
    clouds, answers = now.clouds - before.clouds, now.answers - before.answers
    pairs, failed = now.pairs - before.pairs, now.failed - before.failed
    callbacks = now.callbacks_failed - before.callbacks_failed
    low = _low(totals, limits)
    findings = (  # the worst first
        (failed, Level.ERROR, f"the teacher failed on {failed} clouds; see log"),
        (callbacks, Level.ERROR, f"{CALLBACK_FAILED}, {callbacks} times; see log"),
        (
            busy_s > limits.teacher_time_s,
            Level.ERROR,
            f"the teacher has been at one cloud for {busy_s:.0f} s; choose another teacher.device"
            " or a smaller teacher",
        ),
        (not clouds, Level.STALE, f"no cloud came; {silence or 'see the status of the student'}"),
        (
            not answers,
            Level.STALE,
            "the student does not answer; see its status, and whether its output.message is"
            " autoware alone",
        ),
        (not pairs, Level.WARN, "no cloud and answer with the same stamp came"),
        (low, Level.WARN, "; ".join(low)),
    )  # fmt: skip
    good = "student and teacher agree"
    level, text = next(((lv, say) for bad, lv, say in findings if bad), (Level.OK, good))
    return Health(level, text, _values(now, totals))


def agreement_values(agreement: Agreement) -> dict[str, object]:
    """Names and numbers of an agreement as diagnostics show them; means only over pairs."""
    values: dict[str, object] = {
        "matched": agreement.matched,
        "missed": agreement.missed,
        "extra": agreement.extra,
    }
    shares = {"recall": agreement.recall, "precision": agreement.precision}
    values |= {name: f"{share:.3f}" for name, share in shares.items() if share is not None}
    names = {
        "bev_iou": "mean BEV IoU",
        "centre_m": "centre difference (m)",
        "size_m": "size difference (m)",
        "yaw_deg": "yaw difference (deg)",
        "reversed": "share reversed",
        "score": "score difference",
    }
    means = agreement.means() or {}
    return values | {names[name]: f"{value:.3f}" for name, value in means.items()}


def _low(totals: Mapping[str, Agreement], limits: AgreementLimits) -> list[str]:
    findings = []
    for name, sums in totals.items():
        if sums.matched + sums.missed >= _LEAST_BOXES and (sums.recall or 0) < limits.recall:
            findings.append(f"the student misses {name}s that the teacher sees: recall"
                            f" {sums.recall:.2f} is below {limits.recall:g}")  # fmt: skip
        found = sums.matched + sums.extra
        if found >= _LEAST_BOXES and (sums.precision or 0) < limits.precision:
            findings.append(f"the student sees {name}s that the teacher does not: precision"
                            f" {sums.precision:.2f} is below {limits.precision:g}")  # fmt: skip
    return findings


def _values(now: ComparisonCounts, totals: Mapping[str, Agreement]) -> dict[str, object]:
    values: dict[str, object] = {
        "clouds": now.clouds,
        "answers": now.answers,
        "pairs": now.pairs,
        "compared": now.compared,
        "skipped": now.skipped,
        "failed": now.failed,
        CALLBACK_FAILED: now.callbacks_failed,
        "last comparison (ms)": round(now.last_ms, 1),
    }
    for name, sums in totals.items():
        values |= {f"{name}, {key}": value for key, value in agreement_values(sums).items()}
    return values
