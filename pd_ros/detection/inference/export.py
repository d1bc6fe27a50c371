"""Write the dense part of a detector as ONNX, for runtimes of other makers.

python -m pd_ros.export --model real_student.safetensors --out real_student.onnx
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint, network_from_above
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.inference.onnx_export import FlatDense, named_maps, write_onnx
from pd_ros.process.run_command import command_parser, run_command

_EXAMPLE = """example:
  python -m pd_ros.export --model real_student.safetensors --out real_student.onnx

Points to canvas, and maps to boxes, stay with pd_ros.detection. The node's backend
tensorrt needs no such file, it makes its own. Needs packaging/requirements/onnx.txt.
"""
# The largest difference of a value, as a part of the largest value of its map.
_TOLERANCE = 1e-4


class Difference(NamedTuple):
    """The largest difference of a map to torch's, as a part of the map's largest value."""

    name: str
    relative: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("pd_ros.export", lambda: _run(options.model, options.out))


def _run(model: Path, out: Path) -> str:
    checkpoint = load_checkpoint(model)
    export_dense(checkpoint, out)
    differences = compare_with_torch(checkpoint, out)
    text = ", ".join(f"{name} {relative:.1e}" for name, relative in differences)
    return f"{out}: as torch, largest differences: {text}"


def export_dense(checkpoint: Checkpoint, path: Path) -> None:
    """Write backbone, neck and head, batch norm folded, in float32, of a fixed size.

    The input is ``canvas [1, C, rows, columns]``, the outputs are those of ``named_maps``, as in
    ``ModelOutput``. Folds the checkpoint's network in place.
    Raises ``ValueError`` where onnx is not installed.
    """
    network, canvas = _dense_and_canvas(checkpoint)
    names = list(named_maps(network.dense(canvas)[2]))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_onnx(network, canvas, names, path)


def compare_with_torch(checkpoint: Checkpoint, path: Path) -> list[Difference]:
    """Run a file by onnxruntime on a canvas of noise and compare its maps with torch's.

    Raises ``ValueError`` if they differ, or where onnxruntime is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError:
        raise ValueError(
            f"{path}: was written, but not compared with torch, which needs onnxruntime; install"
            " packaging/requirements/onnx.txt"
        ) from None
    network, canvas = _dense_and_canvas(checkpoint)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {"canvas": canvas.numpy()})
    with torch.no_grad():
        expected = network(canvas)
    differences = []
    for name, values, ours in zip(names, found, expected, strict=True):
        largest = float((torch.from_numpy(values) - ours).abs().max() / ours.abs().max())
        differences.append(Difference(name, largest))
    worst = max(differences, key=lambda difference: difference.relative)
    if worst.relative > _TOLERANCE:
        raise ValueError(
            f"{path}: {worst.name} differs from torch's by {worst.relative:.1e} of its largest"
            f" value, expected at most {_TOLERANCE:.0e}; do not use it"
        )
    return differences


def _dense_and_canvas(checkpoint: Checkpoint) -> tuple[FlatDense, Tensor]:
    model, config = network_from_above(checkpoint)
    generator = torch.Generator().manual_seed(0)
    dense = fold_batch_norm(model.dense).eval().requires_grad_(False)
    canvas = torch.relu(torch.randn(1, *config.canvas_shape, generator=generator))
    return FlatDense(dense), canvas


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.export",
        "Write the dense part of a detector (backbone, neck, head) as ONNX, and"
        " compare it with torch.",
        _EXAMPLE,
    )
    parser.add_argument("--model", type=Path, required=True, help="checkpoint (.safetensors)")
    parser.add_argument("--out", type=Path, required=True, help="file to write (.onnx)")
    return parser
