"""Refuse values of the node's parameters, and say why; no ROS needed.

rclpy itself refuses wrong types, single numbers out of range and changes of read-only parameters;
the rules here are the rest.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pd_ros.runtime.parameters.specs import BINS, BOXES, CLASS_MAP, NMS, SPECS, THRESHOLD, Spec

_OF_TOPICS = "qos_overrides."  # of rclpy, which declares those that it reads
_BY_NAME = {spec.name: spec for spec in SPECS}


def check_names(given: Sequence[str], known: Sequence[str]) -> None:
    """Raise ``ValueError`` for a parameter that was given at the start but that nobody reads.

    ``known``: all that the node has, rclpy's own among them.
    """
    for name in given:
        if name in known:
            continue
        if name.startswith(_OF_TOPICS):  # rclpy would pass over it in silence
            raise ValueError(
                f"parameter {name}: no topic of this node has its QoS overridden so; clouds have"
                " input.reliability; leave this one out"
            )
        near = _nearest(name, known)
        hint = f"did you mean {near}?" if near else (
            "one of another node belongs into that node's own section of the parameter file;"
            f" known are {', '.join(sorted(known))}"
        )  # fmt: skip
        raise ValueError(f"parameter {name}: no such parameter; {hint}")


def _nearest(name: str, known: Sequence[str]) -> str:
    """The known name that has a part most like ``name``; empty where none is like it."""
    parts = {name: name for name in reversed(known)}
    for whole in reversed(known):
        words = whole.split(".")
        ends = range(1, len(words) + 1)
        runs = (".".join(words[start:end]) for end in ends for start in range(end))
        parts |= {run: whole for run in runs if run not in known}
    near = difflib.get_close_matches(name.lower(), parts, n=1)
    return parts[near[0]] if near else ""


def why_not(given: Mapping[str, Any], after: Mapping[str, Any], configured: bool) -> str:
    """Say what is wrong with values given together; nothing where they may be set.

    ``after``: what all parameters would be then. ``configured``: whether there is a configuration,
    for which some were read.
    """
    if "" in given:  # rclpy would declare it
        return "expected a name for each parameter, got an empty one"
    for name, value in given.items():
        reason = _why_not_now(name) if configured else ""
        reason = reason or _why_not_alone(name, value) or _why_no_name(name, value)
        if reason:
            return f"{name}: {reason}"
    return _why_not_together(after)


def _why_not_now(name: str) -> str:
    spec = _BY_NAME.get(name)
    if spec is None or not spec.at_configure:
        return ""
    return "read-only while configured; deactivate, cleanup, set it, configure, activate"


def _why_not_alone(name: str, value: Any) -> str:
    """Say what is wrong with a value by itself; nothing where it is good."""
    numbers = numbers_of(value)
    if reason := _why_not_of_kind(name, value):
        return reason
    if not all(math.isfinite(number) for number in numbers):
        return f"expected finite numbers, got {value}"
    if name in BOXES:
        return _why_no_box(numbers)
    if name.startswith(THRESHOLD) and name != THRESHOLD + "default":
        return _why_no_threshold(value)
    if name == BINS and (not numbers or numbers[0] != 0 or numbers != sorted(set(numbers))):
        return f"expected rising numbers from 0.0 on, got {list(numbers)}"
    checkpoints = name in (NMS, THRESHOLD + "default")
    return f"expected -1 or 0 to 1, got {value}" if checkpoints and -1 < value < 0 else ""


def _why_not_of_kind(name: str, value: Any) -> str:
    """The rule of values that are one of a few words, or a number or one of them."""
    spec = _BY_NAME.get(name)
    if spec and spec.choices and value not in spec.choices:
        return f"expected one of {', '.join(spec.choices)}, got {value!r}"
    return why_no_number_or_word(spec, value) if spec and spec.words else ""


def why_no_number_or_word(spec: Spec, value: Any) -> str:
    """Say what is wrong with a value that is a number, or a word in its place.

    A number is one with a point, as everywhere in ROS where it need not be whole.
    """
    if value in spec.words or isinstance(value, float):
        return ""
    words = " or ".join(spec.words)
    return f"Wrong parameter type: expected a number, such as 0.5, or {words}, got {value!r}"


def _why_no_threshold(value: Any) -> str:
    numbers = numbers_of(value)
    if not numbers:
        return f"Wrong parameter type: expected a number or a list of numbers, got {value!r}"
    if not all(number == -1 or 0 <= number <= 1 for number in numbers):
        return f"expected -1 (the default threshold) or 0 to 1, got {value}"
    return ""


def _why_no_name(name: str, value: Any) -> str:
    """The rule of class names, for the site's; an empty one leaves a class its own."""
    if not name.startswith(CLASS_MAP) or not value or not isinstance(value, str):
        return ""
    from pd_ros.detection.config.names import why_unreadable  # noqa: PLC0415  # pydantic is slow

    return why_unreadable(value)


def _why_no_box(numbers: Sequence[float]) -> str:
    if len(numbers) != 6:
        return f"expected 6 numbers (x, y, z minimum, x, y, z maximum), got {len(numbers)}"
    low, high = _BY_NAME[BOXES[0]].limits or (0.0, 0.0)
    if not all(low <= number <= high for number in numbers):
        return f"expected numbers from {low} to {high} m, got {list(numbers)}"
    if any(numbers) and any(a >= b for a, b in zip(numbers[:3], numbers[3:], strict=True)):
        return f"expected each minimum below its maximum, or six times 0.0, got {list(numbers)}"
    return ""


def _why_not_together(values: Mapping[str, Any]) -> str:
    bins = len(numbers_of(values.get(BINS, [0.0])))
    for name, value in values.items():
        count = len(numbers_of(value))
        if name.startswith(THRESHOLD) and count not in (1, bins):
            return (
                f"{name}: expected one number, or {bins} as there are {BINS}, got {count};"
                " set both together"
            )
    budget, error = (
        values.get(f"diagnostics.latency_{kind}_ms", default)
        for kind, default in (("budget", 0.0), ("error", math.inf))
    )
    if budget > error:
        return (
            f"diagnostics.latency_budget_ms: expected at most latency_error_ms ({error}), got"
            f" {budget}; set both together"
        )
    return ""


def numbers_of(value: Any) -> list[float]:
    """Return the numbers of a value, which may be one or a list of them; none of others.

    Python's truth values would pass for numbers; they are none.
    """
    values = [value] if isinstance(value, float | int) else value
    if isinstance(values, str) or values is None:
        return []
    return [float(v) for v in values if isinstance(v, float | int) and not isinstance(v, bool)]
