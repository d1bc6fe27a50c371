"""From options to files: reads the clouds, runs the plan, prints lines as they come, writes it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pd_ros.check_device.check import Outcome, Setting, Verdict
from pd_ros.check_device.clouds import Clouds, choose_clouds
from pd_ros.check_device.plan import all_checks, default_networks
from pd_ros.check_device.report import Report, outcome_line
from pd_ros.check_device.supervisor import run_checks
from pd_ros.detection.device import choose_device


def run(
    device: str, networks: Sequence[str] | None, points: Path | None, minutes: float, out: Path
) -> int:
    """Check a device; returns 1 if anything failed. ``ValueError`` for a bad device or path.

    ``networks``: names out of the plan; None: those for such a device.
    """
    chosen = _choose(device)
    checks = all_checks(default_networks(chosen.type) if networks is None else networks)
    clouds = choose_clouds(points)
    out.mkdir(parents=True, exist_ok=True)
    log = out / "log.txt"
    log.unlink(missing_ok=True)
    setting = Setting(str(chosen), "", clouds.sweeps, 0.0)
    outcomes: list[Outcome] = []
    for outcome in run_checks(checks, setting, 60 * minutes, log):
        outcomes.append(outcome)
        sys.stdout.write(outcome_line(outcome) + "\n")
        sys.stdout.flush()
    report = Report(str(chosen), _describe(clouds), minutes, tuple(outcomes))
    (out / "check.json").write_text(report.json(), encoding="utf-8")
    (out / "issue.md").write_text(report.issue(), encoding="utf-8")
    sys.stdout.write(f"\n{report.table()}\n\n{report.summary()}; for an issue: {out}/issue.md\n")
    return int(any(outcome.verdict == Verdict.FAILED for outcome in outcomes))


def _choose(name: str) -> torch.device:
    device, count = choose_device(name), torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ValueError(f"--device: expected cuda:0 to cuda:{count - 1}, got {name}")
    return device


def _describe(clouds: Clouds) -> str:
    points = ", ".join(f"{len(sweep):,}" for sweep in clouds.sweeps)
    return f"{clouds.name} ({points} points)"
