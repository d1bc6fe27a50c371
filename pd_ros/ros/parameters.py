"""The nodes' ROS parameters: declared with their descriptions, and checked together.

What is refused, and why, is in ``runtime.parameters.rules``; ``read`` makes settings of them.
"""

from collections.abc import Callable, Sequence

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from pd_ros.runtime.parameters.read import Values
from pd_ros.runtime.parameters.rules import why_not
from pd_ros.runtime.parameters.specs import Spec


def descriptor(spec: Spec) -> ParameterDescriptor:
    """Return what ``ros2 param describe`` shows."""
    described = ParameterDescriptor(
        description=spec.description,
        read_only=spec.read_only,
        dynamic_typing=spec.dynamic,
        additional_constraints=spec.constraints,
    )
    if spec.words:
        described.additional_constraints = f"a number or {' or '.join(spec.words)}"
    if spec.choices:
        described.additional_constraints = f"one of: {', '.join(spec.choices)}"
    if spec.at_configure:
        parts = (described.additional_constraints, "read-only while configured")
        described.additional_constraints = "; ".join(part for part in parts if part)
    if spec.limits and isinstance(spec.default, float) and not spec.number_or_list:
        low, high = spec.limits
        described.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif spec.limits and isinstance(spec.default, int):
        first, last = (int(limit) for limit in spec.limits)
        described.integer_range = [IntegerRange(from_value=first, to_value=last, step=1)]
    return described


def declare(node: Node, specs: Sequence[Spec]) -> None:
    """Declare parameters with the values given at the start; ``ValueError`` for bad ones."""
    for spec in specs:
        default = list(spec.default) if isinstance(spec.default, tuple) else spec.default
        try:
            node.declare_parameter(spec.name, default, descriptor(spec))
        except ParameterException as error:
            # rclpy puts the value before the reason as it is, whatever its length and line breaks
            reason = str(error).partition("Reason: ")[2] or str(error)
            raise ValueError(f"parameter {spec.name}: {reason}") from error


def make_check(
    node: Node, configured: Callable[[], bool]
) -> Callable[[Sequence[Parameter]], SetParametersResult]:
    """Return the callback that accepts parameters set together, or refuses them all.

    ``configured``: whether there is a configuration, for which some were read.
    """

    def check(parameters: Sequence[Parameter]) -> SetParametersResult:
        given = {parameter.name: parameter.value for parameter in parameters}
        now = {name: known.value for name, known in node.get_parameters_by_prefix("").items()}
        reason = why_not(given, {**now, **given}, configured())
        return SetParametersResult(successful=not reason, reason=reason)

    return check


def values_of(node: Node) -> Values:
    """Return what gives the value of a node's parameter by its name, as it is at that moment."""
    return lambda name: node.get_parameter(name).value
