"""Settings of the methods that both papers compare with.

Neither paper says how it set them. The weights are those of the methods' own code, mostly for
classification: they tell a scale, and want a search.
"""

from typing import Annotated, Literal

from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, PositiveInt, Probability
from training.config.base import MethodConfig, Positive, Tap, Weight


class HintonConfig(MethodConfig):
    """Difference of class probabilities in all cells alike (Hinton et al. 2015)."""

    loss: Literal["mse", "bce"] = "mse"


class FitNetsConfig(MethodConfig):
    """Squared error of whole maps (Romero et al. 2015)."""

    weight: Weight = 100.0
    tap: Tap = "neck"
    kernel: Literal[1, 3] = 1  # of the adapter


class AttentionConfig(MethodConfig):
    """Attention transfer (Zagoruyko and Komodakis 2017)."""

    weight: Weight = 1000.0
    tap: Tap = "stages"
    power: Positive = 2.0  # of the absolute values that are averaged over channels


class SimilarityConfig(MethodConfig):
    """How alike the scenes of a batch are (Tung and Mori 2019); needs more than one of them."""

    weight: Weight = 3000.0
    tap: Tap = "neck"


class ContrastConfig(MethodConfig):
    """Contrastive representation distillation (Tian et al. 2020) of objects.

    Its memory has an entry for every image of the data; objects of augmented scenes have no such
    identity, so here it holds the last ones that were seen.
    """

    weight: Weight = 0.8
    width: PositiveInt = 128
    temperature: Positive = 0.07
    memory: PositiveInt = 1024


class OverhaulConfig(MethodConfig):
    """Stages before their last ReLU (Heo et al. 2019)."""

    scale: Positive = 1e-4  # of the sum over a scene


class AttentionGuidedConfig(MethodConfig):
    """Feature KD for detectors (Zhang and Ma 2021), on the neck's map."""

    temperature: Positive = 0.5
    imitation: Weight = 7e-5
    channels: Weight = 4e-3
    places: Weight = 4e-3
    relation: Weight = 7e-5
    subsample: PositiveInt = 8  # of the positions that all others are related to


class ConsistencyConfig(MethodConfig):
    """Consistency of the boxes of both networks (SE-SSD, Zheng et al. 2021)."""

    score: Probability = 0.3
    overlap: Probability = 0.7
    ramp_epochs: PositiveInt = 15  # in which the term grows to its weight


class GidResponseConfig(MethodConfig):
    """Responses at general instances (GID, Dai et al. 2021)."""

    instances: PositiveInt = 10  # of a scene
    nms_iou: Probability = 0.3
    footprint: Literal["gaussian", "centre"] = "gaussian"
    classes: Weight = 1.0
    box: Weight = 1.0


class GidFeatureConfig(MethodConfig):
    """Features and relations of general instances (GID)."""

    instances: PositiveInt = 10
    nms_iou: Probability = 0.3
    grid: PositiveInt = 7
    feature: Weight = 5e-4
    relation: Weight = 40.0


class MimicConfig(MethodConfig):
    """Features under the boxes that a network proposes (Li et al. 2017)."""

    boxes: Literal["truth", "teacher", "student"] = "student"
    score: Probability = 0.1
    grid: PositiveInt = 7


class RegionPairsConfig(MethodConfig):
    """Regions of either network's boxes where both differ most (after RDD, Li et al. 2023).

    The paper's constants were not at hand: these are our own.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.5  # of the pairs, the most disparate ones
    response: Weight = 10.0  # of the probabilities' term, beside 1 of the features'
    score: Probability = 0.1
    grid: PositiveInt = 7


class FineGrainedConfig(MethodConfig):
    """Features near objects (Wang et al. 2019): where anchors overlap an object enough.

    Heads that find centres have no anchors: there the objects' Gaussians are the mask.
    """

    overlap: Probability = 0.5  # as a share of the object's best overlap
    gaussian: Literal["hard", "soft"] = "hard"
    kernel: Literal[1, 3] = 1  # of the adapter


class AssignmentConfig(FrozenConfig):
    """Label assignment distillation (Nguyen et al. 2022): the teacher says which cell learns what.

    Not the cell of an object's centre is its example, but the one near it where the teacher's own
    loss would be least.
    """

    classes: Weight = 1.0  # of the teacher's cost: minus the logarithm of its score ...
    box: Weight = 1.0  # ... and the L1 of its box
