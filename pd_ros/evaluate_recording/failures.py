"""Recordings that could not be evaluated: a line to the user, the log of each to a file."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from pd_ros.jobs.run import Failure

FAILURES = "failures"  # folder of the logs


def report_failures(out: Path, failures: Mapping[str, Failure], recordings: int) -> str:
    """Write ``failures/NAME.txt``, in place of those that are there, and return what to say.

    Empty without failures. Raises ``ValueError`` where all recordings failed, as there is nothing
    to report then.
    """
    shutil.rmtree(out / FAILURES, ignore_errors=True)
    if not failures:
        return ""
    (out / FAILURES).mkdir(parents=True)
    for name, failure in failures.items():
        text = f"{failure.reason}\n\n{failure.log}\n"
        (out / FAILURES / f"{name}.txt").write_text(text, encoding="utf-8", errors="replace")
    reasons = "; ".join(failure.reason for failure in failures.values())
    if recordings == 1:
        raise ValueError(reasons)
    lines = [f"{name}: {failure.reason}" for name, failure in failures.items()]
    text = "\n".join([f"{len(failures)} of {recordings} recordings failed, and are in no table"
                      f" of the report; logs in {out / FAILURES}:", *lines])  # fmt: skip
    if len(failures) == recordings:
        raise ValueError(text)
    return text
