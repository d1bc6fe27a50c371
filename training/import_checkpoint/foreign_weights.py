"""Checkpoints that other programs wrote by ``torch.save``: their tensors, and nothing executed."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy._core.multiarray import _reconstruct, scalar
from torch import Tensor

# Numbers of numpy, which optimisers and counters hold; of what else numpy knows, nothing.
_NUMBERS = ("Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
            "Float16", "Float32", "Float64", "LongDouble", "Str", "Bytes")  # fmt: skip
# Before numpy 2 the same functions had another address.
_SAFE = [
    scalar, _reconstruct, np.dtype, np.ndarray,
    (scalar, "numpy.core.multiarray.scalar"),
    (_reconstruct, "numpy.core.multiarray._reconstruct"),
    *(getattr(np.dtypes, f"{name}DType") for name in _NUMBERS),
]  # fmt: skip


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights of an OpenPCDet checkpoint by name; nothing in the file is ever executed.

    Raises ``ValueError`` for a file that is missing, damaged, or holds more than data.
    """
    try:
        with torch.serialization.safe_globals(_SAFE):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        first = str(error).partition("\n")[0]
        raise ValueError(
            f"{path}: expected a checkpoint of tensors alone, got a file that torch does not load"
            f" safely ({first}); save its model_state again with torch.save"
        ) from None
    state = content.get("model_state", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state or not all(map(_is_weight, state.items())):
        raise ValueError(
            f"{path}: expected OpenPCDet's dictionary with model_state, or its weights by name"
            " (plain tensors of real numbers); check which program wrote it"
        )
    return dict(state)


def _is_weight(item: tuple[object, object]) -> bool:
    name, value = item
    return (
        isinstance(name, str)
        and isinstance(value, Tensor)
        and value.layout is torch.strided
        and not (value.is_quantized or value.is_complex() or value.is_meta)
    )
