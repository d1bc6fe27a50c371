"""Everything that the steps of one adaptation need."""

from collections.abc import Sequence
from typing import NamedTuple

from pd_ros.recordings.sources import Source
from training.adapt.request import Places, Request
from training.adapt.scenes import Setting


class Work(NamedTuple):
    """What was asked for, and how it is done on this machine."""

    places: Places
    request: Request
    setting: Setting
    recordings: Sequence[Source]
    intensity_scale: float
    workers: int  # processes that simulate
