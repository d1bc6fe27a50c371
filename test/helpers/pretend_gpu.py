"""A GPU that is none: tensors that say they lie on cuda:0, hold their values on the CPU, and mind.

Whatever code does with them is computed; what a real GPU would refuse (an operation between it and
the CPU) raises. It knows no streams, no graphs and no backward pass.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

GPU, CPU = torch.device("cuda:0"), torch.device("cpu")
# Copies go anywhere; indices and masks of a GPU's tensor may lie on the CPU.
_BETWEEN = ("aten._to_copy", "aten.copy_", "aten.index.", "aten.index_put", "aten._index_put_impl")
# What a GPU takes no single number of the CPU for; elsewhere it does.
_STRICT = ("aten.cat", "aten.stack", "aten.scatter", "aten.index_select", "aten.index_copy",
           "aten.gather", "aten.mm", "aten.addmm", "aten.convolution", "aten.searchsorted",
           "aten.bucketize", "aten.masked_fill_.Tensor")  # fmt: skip
# What the CPU waits for the GPU for.
_WAITS = ("aten._local_scalar_dense", "aten.nonzero", "aten.bincount", "aten._unique2",
          "aten.repeat_interleave", "aten.equal", "aten.is_nonzero")  # fmt: skip


class OnGpu(Tensor):
    """Says it lies on the GPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "OnGpu":
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, device=GPU,
        )  # fmt: skip
        made.held = held
        return made

    def __repr__(self, **_kwargs: Any) -> str:
        return f"OnGpu({self.held})"

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), named=None):
        return _run(function, arguments, named or {}, Counter())


class PretendGpu(TorchDispatchMode):
    """Makes tensors of the GPU where it is asked for, and counts what waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        return _run(function, arguments, named or {}, self.waits)


class _Python(TorchFunctionMode):
    """What torch does in C++ for Python alone, and for which it would want a real GPU."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        own = {"tensor": _tensor, "as_tensor": _tensor, "new_tensor": _new_tensor,
               "tolist": _tolist, "__getitem__": _get, "__setitem__": _set}  # fmt: skip
        name = getattr(function, "__name__", "")
        if name in own:
            return own[name](*arguments, **named)
        named.pop("pin_memory", None)  # such memory is the driver's
        try:
            return function(*arguments, **named)
        except RuntimeError as error:  # some methods look for the GPU before they are dispatched
            if "not linked with support" not in str(error):
                raise
            copies = name == "copy_"  # by the name that _BETWEEN knows
            function = torch.ops.aten.copy_.default if copies else function
            return _run(function, arguments, named, Counter())


def _tensor(values: Any, dtype: Any = None, device: Any = CPU) -> Tensor:
    return torch.as_tensor(values, dtype=dtype).to(device)


def _new_tensor(subject: Tensor, values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=subject.dtype).to(subject.device)


def _tolist(subject: Tensor) -> Any:
    return subject.cpu().tolist()


def _get(subject: Tensor, index: Any) -> Any:
    there = isinstance(subject, OnGpu)
    strays = [leaf for leaf in tree_leaves(index) if isinstance(leaf, OnGpu)]
    assert there or not strays, "indices on cuda:0 of a tensor on the CPU"
    found = _held(subject)[tree_map(_held, index)]
    return OnGpu(found) if there else found


def _set(subject: Tensor, index: Any, value: Any) -> None:
    there, gathers = isinstance(subject, OnGpu), any(map(torch.is_tensor, tree_leaves(index)))
    apart = isinstance(value, Tensor) and value.dim() and isinstance(value, OnGpu) != there
    assert not (apart and gathers), (
        "indexed places are given values of another device: one on the CPU"
    )
    _held(subject)[tree_map(_held, index)] = _held(value)


@contextmanager
def pretend_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendGpu]:
    """While it lasts, ``cuda:0`` is such a GPU."""
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    # Parameters that move are new ones: a tensor of the CPU cannot become one of these.
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with torch.no_grad(), _Python(), PretendGpu() as mode:
            yield mode
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)


def _run(function: Any, arguments: Any, named: Any, waits: Counter[str]) -> Any:
    name, leaves = str(function), tree_leaves((arguments, named))
    there = [leaf for leaf in leaves if isinstance(leaf, OnGpu)]
    here = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, OnGpu)]
    if there and not name.startswith(_BETWEEN):
        least = 0 if name.startswith(_STRICT) else 1
        apart = [leaf for leaf in here if leaf.dim() >= least]
        assert not apart, f"{name}: expected all tensors on cuda:0, got some on the CPU"
    if name.startswith(("aten.index.", "aten.index_put")) and not isinstance(arguments[0], OnGpu):
        assert not there, f"{name}: indices on cuda:0 of a tensor on the CPU"
    wanted = named.get("device")
    to_gpu = bool(there) if wanted is None else torch.device(wanted).type == "cuda"
    if name.startswith("aten.copy_"):
        to_gpu = isinstance(arguments[0], OnGpu)
    if there and (name.startswith(_WAITS) or (name.startswith("aten._to_copy") and not to_gpu)):
        waits[name] += 1
    if wanted is not None:
        named = {**named, "device": CPU}
    given = {id(leaf.held): leaf for leaf in there}
    with torch.utils._python_dispatch._disable_current_modes():
        result = function(*tree_map(_held, arguments), **tree_map(_held, named))

    def leave(value: Any) -> Any:
        if not isinstance(value, Tensor) or not to_gpu:
            return value
        return given.get(id(value)) if id(value) in given else OnGpu(value)

    return tree_map(leave, result)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnGpu) else value
