"""A dense part in int8 by NNCF, calibrated on clouds; needs packaging/requirements/nncf.txt.

Of a canvas nine cells in ten are empty, and objects are a few large values in the others, as
LiDAR-PTQ (Zhou et al., ICLR 2024) found. So a range goes from the smallest to the largest value in
any canvas rather than to a mean or quantile of them; a few layers keep floats; and no layer's bias
is corrected, which would bring the mean over empty cells in place and move the objects. Instead
the maps are shifted so that their means in cells with objects are those of the floats.
"""

import copy
import logging
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.quantised import QuantisationRecord, QuantisedDense, dense_sha256
from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import make_batch
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.inference.onnx_export import named_maps
from pd_ros.detection.inference.openvino.convert import convert, import_openvino, to_bytes
from pd_ros.detection.inference.openvino.dense import OpenVinoDense
from pd_ros.detection.types import PillarBatch, noop

LEAST_CLOUDS = 10
_OBJECT_LOGIT = math.log(0.1 / 0.9)  # of cells that hold objects, by the floats
_Points = np.ndarray[tuple[int, int], np.dtype[np.float32]]
_Encoded = tuple[Tensor, PillarBatch]  # rows of pillars or voxels: a tenth of their canvas


def quantise_dense(
    checkpoint: Checkpoint, clouds: Iterable[_Points], named: str
) -> QuantisedDense:
    """Backbone, neck and head in int8, their ranges those of clouds ``[N, 3 + C]``.

    ``named``: where the clouds came from, for the record. The checkpoint stays as it is.
    Raises ``ValueError`` for a network without a dense part, one that has been quantised before,
    too few clouds with points in the network's range, and where OpenVINO or NNCF is not installed.
    """
    if checkpoint.int8 is not None:
        source = checkpoint.int8.record.source
        raise ValueError(
            f"{checkpoint.where}: expected a checkpoint of floats, got one that is quantised; give"
            f" the one that it was made of ({source})"
        )
    model, config = network_from_above(checkpoint)
    openvino, nncf = import_openvino(), _import_nncf()
    encoded = _encode(model, config, clouds)
    if len(encoded) < LEAST_CLOUDS:
        raise ValueError(
            f"{named}: expected at least {LEAST_CLOUDS} clouds with points in the range of"
            f" {config.name}, got {len(encoded)}; give more clouds of the sensor"
        )
    record = QuantisationRecord(
        source=checkpoint.where, dense_sha256=dense_sha256(model.dense), clouds=named,
        cloud_count=len(encoded), openvino=openvino.__version__, nncf=nncf.__version__,
    )  # fmt: skip
    dense = fold_batch_norm(copy.deepcopy(model.dense)).requires_grad_(False)
    floats = convert(dense, torch.zeros(1, *config.canvas_shape))
    quantised = _quantise(nncf, floats, model, encoded)
    canvases = (_canvas(model, pair) for pair in encoded)
    _shift_maps(quantised, _lacking(floats, quantised, canvases))
    network, weights = to_bytes(quantised)
    return QuantisedDense(network, weights, record, checkpoint.where)


@torch.inference_mode()
def _encode(model: BevDetector, config: ModelConfig, clouds: Iterable[_Points]) -> list[_Encoded]:
    """Clouds up to the canvas, without those of which nothing is in range."""
    batches = (make_batch([torch.from_numpy(cloud)], config) for cloud in clouds)
    pillars = (batch for batch in batches if isinstance(batch, PillarBatch) and len(batch.cells))
    return [(model.encoder(batch), batch) for batch in pillars]


def _quantise(nncf: Any, floats: Any, model: BevDetector, encoded: Sequence[_Encoded]) -> Any:
    ranges = nncf.quantization.range_estimator.RangeEstimatorParametersSet.MINMAX
    return nncf.quantize(
        floats,
        nncf.Dataset(encoded, lambda pair: _canvas(model, pair).numpy()),
        preset=nncf.QuantizationPreset.MIXED,  # a zero point for activations, none for weights
        subset_size=len(encoded),
        ignored_scope=nncf.IgnoredScope(names=_float_layers(floats)),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=ranges, disable_bias_correction=True
        ),
    )


@torch.inference_mode()
def _canvas(model: BevDetector, encoded: _Encoded) -> Tensor:
    return model.encoder.canvas(*encoded)


def _lacking(floats: Any, quantised: Any, canvases: Iterable[Tensor]) -> dict[str, Tensor]:
    """What each channel ``[C]`` of each map lacks on average in cells that hold objects.

    Of a level without objects it is 0.
    """
    pair = [OpenVinoDense(model.clone(), torch.float32) for model in (floats, quantised)]
    sums: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()
    for canvas in canvases:
        expected, found = (named_maps(dense(canvas, noop)) for dense in pair)
        for name, values in expected.items():
            heatmap = expected["_".join(["heatmap", *name.split("_")[1:]])]  # of the same level
            cells = heatmap[0].amax(0) > _OBJECT_LOGIT
            missing = (values - found[name])[0, :, cells].sum(1)
            sums[name] = sums.get(name, torch.zeros_like(missing)) + missing
            counts[name] += int(cells.sum())
    return {name: values / max(1, counts[name]) for name, values in sums.items()}


def _shift_maps(model: Any, shifts: Mapping[str, Tensor]) -> None:
    """Add a value to each channel of the network's maps, in place."""
    add = import_openvino().opset13.add
    for output in model.outputs:
        name, place = output.any_name, output.get_node().input(0)
        before = place.get_source_output()
        before.get_tensor().set_names(set())
        shifted = add(before, shifts[name].view(1, -1, 1, 1).numpy()).output(0)
        shifted.get_tensor().set_names({name})
        place.replace_source_output(shifted)


def _float_layers(floats: Any) -> list[str]:
    """Names of the layers that are not quantised: the second from the canvas, and the last.

    The values between the first two spread most: in int8 they alone quadruple errors of heights.
    """
    layers = [node for node in floats.get_ordered_ops() if _is_convolution(node)]
    first = _next_layers(floats.input().get_node())
    second = [layer for node in first for layer in _next_layers(node)]
    last = [node for node in layers if not _next_layers(node)]
    return [node.get_friendly_name() for node in (*second, *last)]


def _next_layers(node: Any) -> list[Any]:
    """The layers that a node's values reach without passing another."""
    found: dict[str, Any] = {}
    for follower in _followers(node):
        reached = [follower] if _is_convolution(follower) else _next_layers(follower)
        found |= {each.get_friendly_name(): each for each in reached}
    return list(found.values())


def _followers(node: Any) -> Iterator[Any]:
    for output in node.outputs():
        yield from (place.get_node() for place in output.get_target_inputs())


def _is_convolution(node: Any) -> bool:
    return "Convolution" in node.get_type_name()


def _import_nncf() -> Any:
    os.environ.setdefault("NNCF_CI", "1")  # or it reports to its makers what it is used for
    try:
        import nncf  # noqa: PLC0415
        import nncf.quantization.range_estimator  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"pd_ros.quantise needs NNCF, which cannot be imported ({error}); install"
            " packaging/requirements/nncf.txt"
        ) from None
    nncf.set_log_level(logging.WARNING)
    return nncf
