"""The mean of the weights over a run's last steps."""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def average_of(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """A copy that follows the model by an exponential moving average; none without a decay.

    Statistics of batch norm are averaged, too: it is evaluated as it stands.
    """
    if decay is None:
        return None
    step = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=step, use_buffers=True)
