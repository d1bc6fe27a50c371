"""One ``.safetensors`` file holds a detector: weights, config, training record. No pickle.

Metadata keys: ``format`` (always "pd_ros"), ``version``, ``config`` (the network's, as JSON) and
``training`` (JSON: run config, seed, data, licence, scores). Version 2 has a part in int8 as well,
see ``pd_ros.detection.bev.quantised``.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.quantised import KEY as INT8_KEY
from pd_ros.detection.bev.quantised import TENSORS as INT8_TENSORS
from pd_ros.detection.bev.quantised import QuantisedDense, read_quantised_part
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import (
    AnyModel,
    AnyModelConfig,
    build_model,
    family_of,
    outline_model,
    parse_model_config,
)
from pd_ros.detection.operating_point import class_thresholds, read_operating_point
from pd_ros.detection.outline import trained_state
from pd_ros.detection.shipped import find_checkpoint, shipped_names
from pd_ros.process.unfinished import whole_file

FORMAT_VERSION = 2  # the newest that is read, and of files with a part in int8
_FLOAT_VERSION = 1  # of all others, which older versions of pd_ros read
_MOST_METADATA = 16_000_000  # characters of config or training record; ours have some thousands
_MOST_NAMES = 5  # of tensors in a message
_WEIGHT_TYPES = ("F16", "BF16", "F32", "F64")  # as safetensors calls them


class Checkpoint(NamedTuple):
    """A detector read from a file: network (evaluation mode), config, how it came to be."""

    model: AnyModel
    config: AnyModelConfig
    training: dict[str, object]
    path: Path | None = None  # as it was given; None: of no file
    int8: QuantisedDense | None = None  # runs in place of the model's dense part, by OpenVINO

    @property
    def where(self) -> str:
        """Name it for errors: the file, or the name of the network."""
        return self.config.name if self.path is None else str(self.path)

    def thresholds(self) -> tuple[float, ...]:
        """Return the score threshold of each class, in the classes' order.

        Raises ``ValueError`` that names the checkpoint for a damaged record of them.
        """
        point = read_operating_point(self.training, self.where)
        return class_thresholds(point, self.config.classes)


def network_from_above(checkpoint: Checkpoint) -> tuple[BevDetector, ModelConfig]:
    """Network and config of a BEV detector; ``ValueError`` for a network of another family."""
    config = checkpoint.config
    if family_of(config).config is not ModelConfig:
        raise ValueError(
            f"{config.name}: expected a BEV detector, got {family_of(config).meaning}; choose"
            " another"
        )
    return cast("BevDetector", checkpoint.model), cast("ModelConfig", config)


def save_checkpoint(
    path: Path,
    model: AnyModel,
    config: AnyModelConfig,
    training: Mapping[str, object],
    weights: torch.dtype = torch.float32,
) -> None:
    """Write a detector to a file, whole or not at all.

    ``weights`` is the type in which weight matrices are stored (float16 halves the file); biases
    and the statistics of batch norm stay in float32. Raises ``ValueError`` for weights that are
    not finite (in that type), by their names; then nothing is written.
    """
    tensors = {
        name: value.detach().cpu().contiguous().to(weights if value.dim() > 1 else torch.float32)
        for name, value in trained_state(model).items()
    }
    _check_values(path, tensors)
    metadata = {
        "format": "pd_ros",
        "version": str(_FLOAT_VERSION),
        "config": config.model_dump_json(),
        "training": json.dumps(training),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, tensors, metadata)


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    from safetensors.torch import save  # noqa: PLC0415

    content = save(tensors, metadata)  # safetensors' own writer says of no error what it is
    with whole_file(path) as place:
        place.write_bytes(content)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a detector from a file, or one that comes with pd_ros by its name (``sim_student``).

    Raises ``ValueError`` that says what is wrong with a file that is none of ours.
    """
    with _open(path) as file:
        config, training = _parse_metadata(path, file.metadata() or {})
        _check_fit(path, config, file)  # before there is memory for either
        model = build_model(config)
        _fill(model, file)
        checkpoint = Checkpoint(model.eval(), config, training, path)
        if INT8_KEY in file.metadata():
            dense = network_from_above(checkpoint)[0].dense
            part = read_quantised_part(file, dense, checkpoint.where)
            checkpoint = checkpoint._replace(int8=part)
    _check_values(path, trained_state(model))
    return checkpoint


def read_config(path: Path) -> AnyModelConfig:
    """Config of the network in a file, without its weights; ``ValueError`` as above."""
    with _open(path) as file:
        return _parse_metadata(path, file.metadata() or {})[0]


def read_record(path: Path) -> dict[str, Any]:
    """Training record of a file, without its weights; ``ValueError`` as above."""
    with _open(path) as file:
        return _parse_metadata(path, file.metadata() or {})[1]


def add_to_record(path: Path, entries: Mapping[str, object]) -> None:
    """Put entries into the training record of a file; weights and config stay as they are.

    Raises ``ValueError`` for a file that is none of ours.
    """
    tensors, metadata = _read_all(path)
    _, training = _parse_metadata(path, metadata)
    _write(
        find_checkpoint(path),
        tensors,
        {**metadata, "training": json.dumps({**training, **entries})},
    )


def add_quantised(source: Path, out: Path, part: QuantisedDense) -> None:
    """Write a checkpoint with a dense part in int8 beside all that the source holds.

    Raises ``ValueError`` for a source that is none of ours.
    """
    tensors, metadata = _read_all(source)
    _parse_metadata(source, metadata)
    added = {"version": str(FORMAT_VERSION), INT8_KEY: part.record.model_dump_json()}
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, tensors | part.tensors(), metadata | added)


def _read_all(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file, as they are."""
    with _open(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, file.metadata() or {}


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        file_path = find_checkpoint(path)
        there = file_path.is_file()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise ValueError(f"{path}: cannot be read ({error.strerror}); give another path") from None
    if not there:
        raise ValueError(
            f"{path}: no such checkpoint; give the path of a .safetensors file, or one of"
            f" {', '.join(shipped_names())}"
        )
    # Only here and in ``_write``: networks of fresh weights do without safetensors.
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    try:
        with safe_open(file_path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path}: is not a whole .safetensors file ({error}); copy or train it again"
        ) from None


def _parse_metadata(
    path: Path, metadata: Mapping[str, str]
) -> tuple[AnyModelConfig, dict[str, object]]:
    if metadata.get("format") != "pd_ros":
        raise ValueError(
            f"{path}: expected a pd_ros checkpoint, got a .safetensors file without pd_ros'"
            " metadata; use a file written by training.train"
        )
    version = metadata.get("version", "")
    if not re.fullmatch("[0-9]{1,9}", version):
        raise ValueError(
            f"{path}: its metadata is damaged (version: expected a whole number, got"
            f" {shorten(repr(version), 50)}); train it again"
        )
    if int(version) > FORMAT_VERSION:
        raise ValueError(
            f"{path}: format version {version} is newer than {FORMAT_VERSION}, the newest this"
            " pd_ros reads; update pd_ros"
        )
    config, training = (_parse_json(path, metadata, key) for key in ("config", "training"))
    if not isinstance(training, dict):
        raise ValueError(
            f"{path}: its metadata is damaged (training: expected an object, got"
            f" {type(training).__name__}); train it again"
        )
    return parse_model_config(config, f"{path} (config)"), training


def _parse_json(path: Path, metadata: Mapping[str, str], key: str) -> object:
    text = metadata.get(key, "")
    try:
        if len(text) > _MOST_METADATA:
            raise ValueError(f"{len(text)} characters, more than {_MOST_METADATA}")
        content: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: its metadata is damaged ({key}: {error}); train it again"
        ) from None
    return content


def _check_fit(path: Path, config: AnyModelConfig, file: Any) -> None:
    """Raise ``ValueError`` where a file has not the tensors of its config, or not as floats.

    Reads its header only.
    """
    try:
        outline = outline_model(config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    expected = {name: tuple(value.shape) for name, value in trained_state(outline).items()}
    beside = INT8_TENSORS if INT8_KEY in file.metadata() else ()
    names = [name for name in file.keys() if name not in beside]  # noqa: SIM118
    got = {name: tuple(file.get_slice(name).get_shape()) for name in names}
    if expected != got:
        missing = sorted(expected.keys() - got.keys())
        unknown = sorted(got.keys() - expected.keys())
        shapes = [n for n in sorted(expected.keys() & got.keys()) if expected[n] != got[n]]
        raise ValueError(
            f"{path}: weights do not fit the config in the same file: missing {_some(missing)},"
            f" unknown {_some(unknown)}, of another shape {_some(shapes)}; train it again"
        )
    types = {name: file.get_slice(name).get_dtype() for name in sorted(got)}
    others = [f"{name} ({kind})" for name, kind in types.items() if kind not in _WEIGHT_TYPES]
    if others:
        raise ValueError(
            f"{path}: expected weights of {', '.join(_WEIGHT_TYPES)}, got {_some(others)};"
            " save them as floats, and quantise by pd_ros.quantise"
        )


def _fill(model: AnyModel, file: Any) -> None:
    with torch.no_grad():
        for name, target in trained_state(model).items():
            target.copy_(file.get_tensor(name))


def _check_values(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise ``ValueError`` for weights with which a network could only answer nonsense."""
    for problem, names in (
        ("not finite", [n for n, value in tensors.items() if not value.isfinite().all()]),
        ("a negative variance", [n for n, value in tensors.items() if _is_no_variance(n, value)]),
    ):
        if names:
            raise ValueError(
                f"{path}: expected weights that a network can work with, got {problem} in"
                f" {_some(names)}; go back to a checkpoint from before, or train it again"
            )


def _is_no_variance(name: str, value: Tensor) -> bool:
    return name.endswith("running_var") and bool((value < 0).any())


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return f"{list(names[:_MOST_NAMES])}" + (f" and {more} more" if more > 0 else "")
