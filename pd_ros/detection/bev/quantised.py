"""A dense part in int8, as a checkpoint keeps it beside the floats that it was made of.

In the file these are two tensors of bytes (``TENSORS``) and the metadata key ``int8``.
"""

import hashlib
import json
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.detection.outline import trained_state

KEY = "int8"  # of the metadata
TENSORS = ("int8.network", "int8.weights")


class QuantisationRecord(FrozenConfig):
    """How a dense part in int8 came to be."""

    source: str  # the checkpoint that it was made of
    dense_sha256: str  # of the floats that it was made of
    clouds: str  # where those that it was calibrated on came from
    cloud_count: Annotated[int, Field(ge=1)]
    openvino: str  # version
    nncf: str


class QuantisedDense(NamedTuple):
    """Backbone, neck and head in int8."""

    network: bytes  # OpenVINO's XML
    weights: bytes
    record: QuantisationRecord
    where: str  # the file, for errors

    def tensors(self) -> dict[str, Tensor]:
        """The bytes as a file of tensors holds them."""
        pair = zip(TENSORS, (self.network, self.weights), strict=True)
        return {name: torch.frombuffer(bytearray(part), dtype=torch.uint8) for name, part in pair}


def dense_sha256(dense: DenseNetwork) -> str:
    """Digest of the weights of a dense part, batch norm not folded, with names and shapes."""
    digest = hashlib.sha256()
    for name, values in trained_state(dense).items():
        digest.update(f"{name} {tuple(values.shape)}".encode())
        digest.update(np.ascontiguousarray(values.cpu().numpy()).tobytes())
    return digest.hexdigest()


def read_quantised_part(file: Any, dense: DenseNetwork, where: str) -> QuantisedDense:
    """The part in int8 of an open file of tensors that has one.

    Raises ``ValueError`` for a damaged record, and for a part that was made of other floats than
    those of the same file.
    """
    try:
        content = json.loads(file.metadata()[KEY])
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{where}: its metadata is damaged ({KEY}: {error}); run pd_ros.quantise again"
        ) from None
    record = parse_config(content, QuantisationRecord, f"{where} ({KEY})")
    if record.dense_sha256 != dense_sha256(dense):
        raise ValueError(
            f"{where}: its part in int8 was made of other weights than those of the same file;"
            " run pd_ros.quantise again on the checkpoint that you want"
        )
    parts = (file.get_tensor(name).flatten().view(torch.uint8) for name in TENSORS)
    network, weights = (part.numpy().tobytes() for part in parts)
    return QuantisedDense(network, weights, record, where)
