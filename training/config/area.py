"""Training on a part of the grid.

A convolution does the same everywhere, so a network may learn where the objects are, in half the
time, and look at all of the grid afterwards.
"""

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import AnyModel, AnyModelConfig, build_model

Area = tuple[float, float, float, float]


def crop_grid(config: AnyModelConfig, area_m: Area) -> ModelConfig:
    """The same network on an area (x, y minimum, x, y maximum, metres).

    Raises ``ValueError`` for an area that leaves the grid, as :func:`over_area` does, and for a
    network that has no grid.
    """
    if not isinstance(config, ModelConfig):
        raise ValueError(
            f"area_m: expected a network that looks from above, {config.name} takes raw points and"
            " has no grid to cut; leave area_m out"
        )
    x0, y0, x1, y1 = _grid_area(config)
    left, low, right, high = area_m
    if left < x0 or low < y0 or right > x1 or high > y1:
        raise ValueError(
            f"area_m: expected an area within x {x0} to {x1} m and y {y0} to {y1} m of"
            f" {config.name}, got {list(area_m)}"
        )
    return _over_area(config, area_m)


def area_of(config: AnyModelConfig) -> Area | None:
    """The area that a network's grid covers: x, y minimum, x, y maximum, metres; None: no grid."""
    return _grid_area(config) if isinstance(config, ModelConfig) else None


def _grid_area(config: ModelConfig) -> Area:
    x0, y0, _, x1, y1, _ = config.grid.range_m
    return x0, y0, x1, y1


def over_area(config: AnyModelConfig, area_m: Area | None) -> AnyModelConfig:
    """The same network over an area, which may reach beyond its grid; as it is without either.

    Raises ``ValueError`` for an area that does not fit its pillars and strides, and for anchors
    that would stand elsewhere in their cells.
    """
    if area_m is None or not isinstance(config, ModelConfig):
        return config
    return _over_area(config, area_m)


def _over_area(config: ModelConfig, area_m: Area) -> ModelConfig:
    if area_m == _grid_area(config):
        return config
    if config.head.kind == "anchors" and not config.head.at_cell_centres:
        raise ValueError(
            f"area_m: the anchors of {config.name} stand from border to border, and elsewhere in"
            " their cells on another area; set head.at_cell_centres, or leave area_m out"
        )
    left, low, right, high = area_m
    fields = config.model_dump()
    bottom, top = config.grid.range_m[2], config.grid.range_m[5]
    fields["grid"]["range_m"] = (left, low, bottom, right, high, top)
    return ModelConfig.model_validate(fields)


def rebuild(model: AnyModel, config: AnyModelConfig) -> AnyModel:
    """A copy of a network, in training mode, for another grid of the same pillars."""
    copy = build_model(config)
    copy.load_state_dict(model.state_dict())
    return copy
