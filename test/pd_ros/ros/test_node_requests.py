"""Requests that make no sense, to the real nodes over real DDS: refused, and the node goes on."""

import os

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from live_node import Client, cloud, heard, running_comparison, running_node, values_of
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically

NAMESPACE = f"/test_requests_{os.getpid()}"
POINTS = np.random.default_rng(0).uniform(-7, 7, (500, 4)).astype(np.float32)
POINTS[:, 2] = np.clip(POINTS[:, 2], -2.5, 0.5)


@pytest.fixture(scope="module")
def client(context, checkpoint):
    with running_node(NAMESPACE, checkpoint), heard(Client(NAMESPACE)) as client:
        yield client


def call(client: Client, kind, name: str, request):
    caller = client.create_client(kind, f"{client.get_namespace()}/{name}")
    assert caller.wait_for_service(100)
    return caller.call(request)


def change(client: Client, **transition) -> bool:
    request = ChangeState.Request(transition=Transition(**transition))
    return call(client, ChangeState, "lidar_detector/change_state", request).success


INVALID = {
    "activate": {"id": Transition.TRANSITION_ACTIVATE},
    "configure": {"id": Transition.TRANSITION_CONFIGURE},
    "cleanup": {"id": Transition.TRANSITION_CLEANUP},
    "shutdown of another state": {"id": Transition.TRANSITION_INACTIVE_SHUTDOWN},
    "a result": {"id": Transition.TRANSITION_ON_DEACTIVATE_SUCCESS},
    "unknown id": {"id": 213},
    "a label of another state": {"label": "configure"},
    "unknown label": {"label": "fly"},
    "unknown label, good id": {"label": "fly", "id": Transition.TRANSITION_DEACTIVATE},
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_transition_is_refused_and_the_node_stays_active(client, case) -> None:
    assert not change(client, **INVALID[case])
    state = call(client, GetState, "lidar_detector/get_state", GetState.Request())
    assert state.current_state.id == State.PRIMARY_STATE_ACTIVE
    stamp = 100 + list(INVALID).index(case)
    assert client.ask(cloud(POINTS, stamp)).detections
    client.statuses.clear()
    assert values_of(client.hear("detector", ""))["callback failed"] == "0"


def test_all_transitions_go_on_after_invalid_ones(client) -> None:
    assert not change(client, id=213)
    assert change(client, label="deactivate")
    assert not change(client, id=Transition.TRANSITION_DEACTIVATE)
    assert change(client, id=Transition.TRANSITION_CLEANUP)
    assert not change(client, id=Transition.TRANSITION_ACTIVATE)
    name, request = "get_available_transitions", GetAvailableTransitions.Request()
    known = call(client, GetAvailableTransitions, f"lidar_detector/{name}", request)
    labels = {found.transition.label for found in known.available_transitions}
    assert labels == {"configure", "shutdown"}
    assert change(client, id=Transition.TRANSITION_CONFIGURE)
    assert change(client, id=Transition.TRANSITION_ACTIVATE)
    client.wait_until_heard()
    assert client.ask(cloud(POINTS, 200)).detections


def parameter(name: str, number: float, kind: int = 3) -> Parameter:
    return Parameter(name=name, value=ParameterValue(type=kind, double_value=number))


def test_a_value_of_no_type_is_refused_by_itself_and_counted(client) -> None:
    good = "postprocess.score_threshold.default"
    given = [parameter(good, 0.25), parameter("input.z_offset", 0.0, kind=77), parameter("", 1.0)]
    name, request = "lidar_detector/set_parameters", SetParameters.Request(parameters=given)
    results = call(client, SetParameters, name, request).results
    assert [result.successful for result in results] == [True, False, False]
    assert "77" in results[1].reason
    client.hear("detector", "callback failed, 1 times")
    whole = SetParametersAtomically.Request(parameters=given)
    result = call(client, SetParametersAtomically, f"{name}_atomically", whole).result
    assert not result.successful
    assert "77" in result.reason
    assert client.ask(cloud(POINTS, 300)).detections


def test_the_comparison_lives_on_after_nonsense_and_says_so(client, checkpoint) -> None:
    with running_comparison(NAMESPACE, checkpoint):
        given = [parameter("limits.recall", 0.1, kind=77), parameter("limits.recall", 0.1)]
        name, request = "lidar_comparison/set_parameters", SetParameters.Request(parameters=given)
        results = call(client, SetParameters, name, request).results
        assert [result.successful for result in results] == [False, False]
        client.wait(lambda: next(s for s in client.judgements if "callback failed" in s.message))
