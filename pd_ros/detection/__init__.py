"""Detect 3D boxes in LiDAR points: networks, decoding, checkpoints; torch, no ROS, no training.

Points ``[N, 3 + C]`` in metres enter a ``Predictor`` (``predictor.py``), made from a checkpoint
(``checkpoint.py``); ``Detections`` leave. ``types.py`` says what all of these are, ``families.py``
is the table of networks: ``bev`` and ``point_rcnn``, described by ``config``, made fast by
``inference``.

``Predictor`` is the short way in. It is imported when it is first asked for: torch takes a second
to import, and programs that only read a config or a box type do without it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pd_ros.detection.predictor import Predictor

__all__ = ["Predictor"]


def __getattr__(name: str) -> Any:
    """Import ``Predictor`` at its first use; ``AttributeError`` for any other name."""
    if name != "Predictor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pd_ros.detection.predictor import Predictor  # noqa: PLC0415

    return Predictor


def __dir__() -> list[str]:
    """Return the names of the module, with those that are not imported yet."""
    return sorted({*globals(), *__all__})
