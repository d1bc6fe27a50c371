"""Training on a part of the grid.

A convolution does the same everywhere, so a network may learn where the objects are, in half the
time, and look at all of the grid afterwards.
"""

from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import AnyModel, build_model
from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.part_config import AnchorHeadConfig


def crop_grid(config: AnyModelConfig, area_m: tuple[float, float, float, float]) -> ModelConfig:
    """The same network on an area (x, y minimum, x, y maximum, metres).

    Raises ``ValueError`` for an area that leaves the grid or does not fit its pillars and strides,
    for anchors that would stand elsewhere in their cells, and for a network that has no grid.
    """
    if not isinstance(config, ModelConfig):
        raise ValueError(
            f"area_m: expected a network that looks from above, {config.name} takes raw points and"
            " has no grid to cut; leave area_m out"
        )
    x0, y0, z0, x1, y1, z1 = config.grid.range_m
    left, low, right, high = area_m
    if left < x0 or low < y0 or right > x1 or high > y1:
        raise ValueError(
            f"area_m: expected an area within x {x0} to {x1} m and y {y0} to {y1} m of"
            f" {config.name}, got {list(area_m)}"
        )
    if isinstance(config.head, AnchorHeadConfig) and not config.head.at_cell_centres:
        raise ValueError(
            f"area_m: the anchors of {config.name} stand from border to border, and elsewhere in"
            " their cells on a part of the grid; set head.at_cell_centres, or leave area_m out"
        )
    fields = config.model_dump()
    fields["grid"]["range_m"] = (left, low, z0, right, high, z1)
    return ModelConfig.model_validate(fields)


def rebuild(model: AnyModel, config: AnyModelConfig) -> AnyModel:
    """A copy of a network, in training mode, for another grid of the same pillars."""
    copy = build_model(config)
    copy.load_state_dict(model.state_dict())
    return copy


def crop_checkpoint(
    checkpoint: Checkpoint, area_m: tuple[float, float, float, float]
) -> Checkpoint:
    """A checkpoint's network on an area, in evaluation mode; see :func:`crop_grid`."""
    config = crop_grid(checkpoint.config, area_m)
    return checkpoint._replace(model=rebuild(checkpoint.model, config).eval(), config=config)
