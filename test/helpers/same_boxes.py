"""Two ways' boxes, compared where rounding may decide which of two comes first."""

import torch


def assert_same_boxes(found, expected, **tolerances) -> None:
    """The same but for the order of those whose scores are equal within rounding."""
    torch.testing.assert_close(found.scores, expected.scores, **tolerances)
    if not len(expected.scores):
        return
    nearest = torch.cdist(expected.boxes, found.boxes).argmin(dim=1)
    assert sorted(nearest.tolist()) == list(range(len(expected.boxes)))
    torch.testing.assert_close(found.select(nearest), expected, **tolerances)
