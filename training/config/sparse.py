"""Settings of SparseKD (Yang et al. 2022); defaults are the released ones where there are some."""

from typing import Literal

from pd_ros.detection.config.base import FrozenConfig, PositiveInt, Probability
from training.config.base import MethodConfig, Weight

CodeWeights = tuple[Weight, Weight, Weight, Weight, Weight, Weight, Weight, Weight]
Gaussian = Literal["none", "hard", "soft"]  # hard: all of an object's Gaussian counts alike
Part = Literal["encoder", "backbone", "neck", "head"]


class LogitConfig(MethodConfig):
    """Logit KD of heatmaps at pivotal positions.

    Their mask is a product; all of it off (``gaussian: none, gated: false``) is vanilla KD.
    """

    weight: Weight = 10.0
    gaussian: Gaussian = "soft"  # of the ground truth
    gated: bool = True  # times the teacher's best score
    threshold: Probability = 0.0  # only where the teacher's best score is greater
    rank: PositiveInt | None = None  # only where the teacher's so many best scores of a scene are
    loss: Literal["mse", "smooth_l1", "focal"] = "mse"
    positive_score: Probability = (
        0.5  # focal: the teacher's cells of this score or more are objects
    )
    swapped: bool = False  # focal: the student's map is the target
    # Maps of different sizes are compared at the size of one of them.
    resolution: Literal["teacher", "student"] = "teacher"


class RankDistributionConfig(MethodConfig):
    """Cross entropy of the scores at the teacher's best positions, brought to sum 1."""

    rank: PositiveInt = 500


class RegressionConfig(MethodConfig):
    """L1 of box maps at ground-truth centres, or wherever the student learns a box.

    The second is more where ``loss.box_radius`` is not 0: cells around a centre count by a
    Gaussian.
    """

    weight: Weight = 0.2
    cells: Literal["centres", "learnt"] = "centres"
    code_weights: CodeWeights = (1,) * 8


class AnchorLogitConfig(MethodConfig):
    """Squared error of an anchor head's class probabilities at pivotal locations."""

    weight: Weight = 15.0
    # Cells with an anchor that learns an object, or that does not count either; or inside a box.
    positions: Literal["positive", "positive_or_uncounted", "inside"] = "positive"
    gated: bool = False  # times the teacher's best score
    threshold: Probability = 0.0  # only where the teacher's best score is greater


class AnchorRegressionConfig(MethodConfig):
    """Smooth L1 of an anchor head's boxes at the anchors that learn an object."""

    weight: Weight = 0.2


class LabelConfig(FrozenConfig):
    """Label KD: the teacher's boxes are labels, too.

    ``released`` puts them before the ground truth without suppression (an anchor head's: after
    its own), and a cell may learn several boxes. ``safe`` puts the ground truth first, suppresses
    boxes that overlap, and leaves out those of a cell that is already taken.
    """

    variant: Literal["released", "safe"] = "released"
    threshold: Probability = 0.6  # least score, excluded
    thresholds: dict[str, Probability] = {}  # the same for single classes
    by_overlap: tuple[str, ...] = ()  # classes whose score is the 3-D IoU with the ground truth


class FeatureConfig(MethodConfig):
    """Feature KD on the neck's map.

    ``raw``: all of it, under a mask. ``rois``: rotated boxes pooled to a grid. ``spatial``: the
    mean over channels, under a mask. ``affinity``: how alike the cells of a box are to each other.
    """

    weight: Weight = 0.1
    mode: Literal["raw", "rois", "spatial", "affinity"] = "rois"
    loss: Literal["mse", "smooth_l1", "kl", "cosine"] = "mse"  # of raw
    gaussian: Gaussian = "none"  # mask of raw and spatial
    threshold: Probability | None = None  # mask: only where the teacher's best score is greater
    adapter: bool = True  # a 3 x 3 convolution to the teacher's channels, of raw and rois
    boxes: Literal["truth", "teacher", "student"] = "truth"  # of rois and affinity
    box_threshold: Probability = 0.3  # least score of a network's boxes
    grid: PositiveInt = 7
    relation: Weight = 0.0  # of the distances between a scene's boxes, relative to the term


class InitialiseConfig(FrozenConfig):
    """Teacher-guided initialisation: the student starts from a part of the teacher's channels.

    ``fnav1``: the leading ones everywhere. ``fnav2``: also where maps are joined. ``norm_scale``:
    those of the largest batch norm scales; ``l1_norm``: of the largest (or smallest) weights.
    ``reconstruct`` (ours): those that explain most of all channels on some frames; the layers
    that read them are then fitted to the teacher's outputs.
    """

    way: Literal["fnav1", "fnav2", "norm_scale", "l1_norm", "reconstruct"] = "fnav2"
    frames: PositiveInt = 16  # of reconstruct
    checkpoint: str | None = None  # None: the teacher's
    exclude: tuple[Part, ...] = ()  # keep their fresh weights
    # fnav2 as released takes the sparse encoder's layers to lie outside of its channels.
    released_slice: bool = False
    smallest: bool = False  # of l1_norm
