"""Services that answer whatever happens: a caller that gets no answer waits for ever."""

from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically

_Callback = Callable[[Any, Any], Any]


class Refusing:
    """A service's callback that answers with a refusal where the one inside raises an error.

    In a refusal ``success`` or ``successful`` is false, with the reason where there is a place for
    it, and lists are empty. Parameters that are set one by one are refused one by one.
    """

    def __init__(self, callback: _Callback, report: Callable[[Exception], None]) -> None:
        self._callback = callback
        self._report = report

    def __call__(self, request: Any, response: Any) -> Any:
        """Answer a request of the service."""
        if not isinstance(request, SetParameters.Request):
            return self._answer(request, response)
        for parameter in request.parameters:
            alone = SetParameters.Request(parameters=[parameter])
            response.results += self._answer(alone, SetParameters.Response()).results
        return response

    def _answer(self, request: Any, response: Any) -> Any:
        try:
            return self._callback(request, response)
        except Exception as error:
            self._report(error)
            return _refusal(
                type(response)(), f"{type(error).__name__}: {error}; see the node's log"
            )


def _refusal(response: Any, reason: str) -> Any:
    result = SetParametersResult(successful=False, reason=reason)
    if isinstance(response, SetParameters.Response):
        response.results = [result]
    elif isinstance(response, SetParametersAtomically.Response):
        response.result = result
    return response
