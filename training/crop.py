"""Training on a part of the grid.

A convolution does the same everywhere, so a network may learn where the objects are, in half the
time, and look at all of the grid afterwards.
"""

from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import BevDetector, build_model

Area = tuple[float, float, float, float]


def crop_grid(config: ModelConfig, area_m: Area) -> ModelConfig:
    """The same network on an area (x, y minimum, x, y maximum, metres).

    Raises ``ValueError`` for an area that leaves the grid or does not fit its pillars and strides.
    """
    x0, y0, x1, y1 = area_of(config)
    left, low, right, high = area_m
    if left < x0 or low < y0 or right > x1 or high > y1:
        raise ValueError(
            f"area_m: expected an area within x {x0} to {x1} m and y {y0} to {y1} m of"
            f" {config.name}, got {list(area_m)}"
        )
    return over_area(config, area_m)


def area_of(config: ModelConfig) -> Area:
    """The area that a network looks at: x, y minimum, x, y maximum, metres."""
    x0, y0, _, x1, y1, _ = config.grid.range_m
    return x0, y0, x1, y1


def over_area(config: ModelConfig, area_m: Area) -> ModelConfig:
    """The same network over an area, which may reach beyond its grid.

    Raises ``ValueError`` for an area that does not fit its pillars and strides.
    """
    left, low, right, high = area_m
    fields = config.model_dump()
    bottom, top = config.grid.range_m[2], config.grid.range_m[5]
    fields["grid"]["range_m"] = (left, low, bottom, right, high, top)
    return ModelConfig.model_validate(fields)


def rebuild(model: BevDetector, config: ModelConfig) -> BevDetector:
    """A copy of a network, in training mode, for another grid of the same pillars."""
    copy = build_model(config)
    copy.load_state_dict(model.state_dict())
    return copy


def crop_checkpoint(checkpoint: Checkpoint, area_m: Area) -> Checkpoint:
    """A checkpoint's network over an area, in evaluation mode; see :func:`over_area`."""
    config = over_area(checkpoint.config, area_m)
    return checkpoint._replace(model=rebuild(checkpoint.model, config).eval(), config=config)
