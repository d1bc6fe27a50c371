"""Where dense parts made ready for other runtimes are kept, each under a hash of what made it."""

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.model import DenseNetwork


def cache_folder(backend: str, dense: DenseNetwork, canvas: Tensor, version: str) -> Path:
    """The folder of one network for one version of a runtime; it may not be there yet."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "pd_ros" / backend / _key(dense, canvas, version)


def _key(dense: DenseNetwork, canvas: Tensor, version: str) -> str:
    """Of everything that the converted network depends on."""
    shape, kind = tuple(canvas.shape), canvas.dtype
    digest = hashlib.sha256(f"{version} {torch.__version__} {shape} {kind} {dense}".encode())
    for name, values in dense.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values.cpu().numpy()).tobytes())
    return digest.hexdigest()[:32]
