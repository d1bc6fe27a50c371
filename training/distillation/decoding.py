"""How boxes are decoded in training: more of them than a vehicle gets."""

from pd_ros.detection.config import DecodeConfig, ModelConfig

# SparseKD section 2.3: so many candidates, of so much score at least.
_CANDIDATES, _SCORE = 500, 0.1


def decoded_as(config: ModelConfig, nms_iou: float, candidates: int, score: float) -> ModelConfig:
    """The same network with other rules of decoding; an overlap of 1 suppresses nothing."""
    rules = DecodeConfig(
        max_candidates=candidates,
        score_threshold=score,
        nms_iou_threshold=nms_iou,
        max_detections=candidates,
    )
    return config.model_copy(update={"decode": rules})


def every_box(config: ModelConfig, score: float = _SCORE) -> ModelConfig:
    """The same network, decoded without suppression."""
    return decoded_as(config, 1.0, _CANDIDATES, score)


def suppressed_boxes(config: ModelConfig, score: float = _SCORE) -> ModelConfig:
    """The same network, decoded with its own suppression."""
    return decoded_as(config, config.decode.nms_iou_threshold, _CANDIDATES, score)
