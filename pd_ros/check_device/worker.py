"""The process that runs checks: takes one after the other, answers each with its outcome."""

import faulthandler
import os
import time
import traceback
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path

from pd_ros.check_device.check import Check, Finding, Outcome, Setting, Skip, Verdict


def serve(connection: Connection, log: Path) -> None:
    """Answer checks until there are no more (None) or nobody asks.

    What they write goes to ``log``, and so does the stack of a crash.
    """
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    try:
        while (asked := connection.recv()) is not None:
            connection.send(run_check(*asked))
    except (EOFError, KeyboardInterrupt):
        return


def run_check(check: Check, setting: Setting) -> Outcome:
    """Run a check, whatever it raises; an error leaves the process broken, as a GPU's may be."""
    began = time.monotonic()
    if reason := reason_to_skip(check, setting.device):
        return Outcome(check, Verdict.SKIPPED, reason)
    try:
        found: Finding = import_module(check.module).check(setting)
        _settle(setting.device)
    except Skip as reason:
        return Outcome(check, Verdict.SKIPPED, str(reason), {}, time.monotonic() - began)
    except Exception as error:  # whatever it is, it is this check's
        traceback.print_exc()
        figures = {"traceback": traceback.format_exc()}
        seconds = time.monotonic() - began
        return Outcome(check, Verdict.FAILED, describe(error), figures, seconds, broken=True)
    verdict = Verdict.PASSED if found.passed else Verdict.FAILED
    return Outcome(check, verdict, found.text, found.figures, time.monotonic() - began)


def reason_to_skip(check: Check, device: str) -> str:
    """Why a check cannot be made on this machine; empty: it can."""
    if check.gpu and device == "cpu":
        return "needs a GPU"
    missing = [name for name in check.needs if find_spec(name) is None]
    return f"{', '.join(missing)} not installed" if missing else ""


def describe(error: Exception) -> str:
    """Type and first line of an error, and the last line of this package that it came through."""
    first = str(error).strip().partition("\n")[0]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"pd_ros", "training"} & set(Path(frame.filename).parts)]
    place = f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""
    return f"{type(error).__name__}: {first}{place}"


def _settle(device: str) -> None:
    """Wait for a GPU: it tells of an error at some later call, which would be another check's."""
    if device != "cpu":
        import torch  # noqa: PLC0415 - checks have to be skipped without it

        torch.cuda.synchronize(device)
