"""Lifecycle requests that do not suit the node's state."""

from typing import Any

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode


class CheckedLifecycleNode(LifecycleNode):
    """A lifecycle node that refuses transitions which its state does not have.

    rclpy's raises an error instead, and the caller gets no answer.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        service = next(service for service in self.services if service.srv_type is ChangeState)
        self._change_state = service.callback
        service.callback = self._check_change_state

    def destroy_node(self) -> None:
        """Take the node out of ROS at once; rclpy's stays there until its state machine goes."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def _check_change_state(self, request: Any, response: Any) -> Any:
        """Let pass what is possible now; a label, where there is one, counts more than the id."""
        possible = {
            number: label for number, label, *_ in self._state_machine.available_transitions
        }
        wanted = request.transition
        if wanted.label in possible.values() or (not wanted.label and wanted.id in possible):
            return self._change_state(request, response)
        _, state = self._state_machine.current_state
        known = ", ".join(f"{label} ({number})" for number, label in possible.items())
        self.get_logger().warning(
            f"change_state: expected {known or 'nothing more'} in state {state}, got"
            f" {wanted.label or wanted.id}; refused"
        )
        response.success = False
        return response
