"""Config of a training run: one YAML, read once, checked at once, frozen after."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pd_ros.detection.config.base import FrozenConfig, PositiveInt, Probability
from pd_ros.detection.config.point_rcnn import ProposalConfig
from training.config.base import Format, Positive, Weight, formats_that_take
from training.config.distillation import DistillConfig

Beta = Annotated[float, Field(ge=0.1, lt=1)]


class SourceConfig(FrozenConfig):
    """Labelled sweeps of one data set and their share of what the network sees.

    What ``path`` holds in each format is said in the module of its reader, in
    ``training/datasets``; which keys a format takes, in ``training/config/base.py``.
    """

    path: str  # environment variables are expanded
    share: Positive = 1.0
    z_shift_m: float = 0.0
    limit: PositiveInt | None = None  # the first sweeps by name
    format: Format = "npz"
    # kitti: a list in ImageSets; nuscenes: train, val, mini_train, mini_val; waymo: a folder.
    split: str | None = None  # None: all there is
    class_map: dict[str, str | None] = {}  # name in the data: class of the model, null to ignore
    balance: bool = False  # draw frames so that all classes come equally often (CBGS)
    hardest: Literal["easy", "moderate", "hard"] | None = None  # harder objects are ignored
    sweeps: PositiveInt = 10  # joined into one cloud, the labelled one among them
    topic: str | None = None  # of the clouds; None: the only one there is
    intensity_scale: Weight = 1.0  # brings intensities to [0, 1]
    labelled: bool = True  # False: nobody said what is in it, and losses ignore all of it
    files: str | None = None  # npz: FILE.json#KEY, a list of sweeps below path; None: all in path
    only: str | None = None  # npz: of the list those that fit this pattern, as in "kitti_*"
    drives: str | None = None  # npz: a JSON table of drives, to draw them rather than sweeps
    # npz: a teacher sees the array teacher_points of each sweep, the same scene through another
    # sensor, where the student sees points.
    teacher_points: bool = False
    # Sweeps of a camera's view to a sample, each turned, so that they fill the circle (KITTI: 4).
    views: PositiveInt = 1

    @property
    def folder(self) -> Path:
        """The path with environment variables expanded; ``ValueError`` if one is not set."""
        expanded = os.path.expandvars(self.path)
        if "$" in expanded:
            raise ValueError(
                f"data path {self.path!r}: its environment variable is not set; export it first"
            )
        return Path(expanded)

    @property
    def title(self) -> str:
        """Name it for tables: its folder, and what of it."""
        listed = f"#{self.files.partition('#')[2]}" if self.files else ""
        chosen = f" {self.only}" if self.only else ""
        return f"{self.folder.name}{listed}{chosen}"

    @model_validator(mode="after")
    def _keys_belong_to_the_format(self) -> Self:
        for key, field in type(self).model_fields.items():
            formats = formats_that_take(key)
            given = getattr(self, key) != field.default
            if given and formats and self.format not in formats:
                raise ValueError(
                    f"{key}: belongs to the format {' or '.join(formats)}, this source is of"
                    f" {self.format}; remove it or correct the format"
                )
        if self.balance and self.drives is not None:
            raise ValueError(
                "drives: cannot be drawn by while balance draws by class; leave one out"
            )
        if self.views > 1 and not self.labelled:
            raise ValueError("views: joins labelled sweeps, and labelled is false; leave one out")
        if self.teacher_points and self.views > 1:
            raise ValueError("teacher_points: cannot be joined with other views; leave one out")
        if self.only is not None and self.files is None:
            raise ValueError("only: chooses from a list, but files names none; give files, too")
        return self


class ObjectNoiseConfig(FrozenConfig):
    """Objects of a frame moved a little, each for itself (SECOND section 3.2)."""

    shift_m: tuple[Weight, Weight, Weight] = (1.0, 1.0, 0.5)  # standard deviations of x, y, z
    rotation_rad: Weight = 0.785
    tries: PositiveInt = 100


class AugmentConfig(FrozenConfig):
    """Changes to a frame before it is learnt; zero or empty switches one off."""

    flip_x: bool = True  # mirror left and right
    flip_y: bool = True  # mirror front and back
    rotation_rad: Weight = 0.785
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.05
    shift_z_m: Weight = 0.1  # other mounting heights
    intensity_scale: Annotated[float, Field(ge=0, lt=1)] = 0.5
    intensity_drop: Probability = 0.1  # share of frames without intensity
    keep_points: Probability = 1.0  # lower bound of the share of points that stay
    paste: dict[str, Annotated[int, Field(ge=0)]] = {}  # objects per class to fill up to
    bank_frames: PositiveInt = 100  # frames whose objects can be pasted
    paste_min_points: PositiveInt = 10
    # Pasted objects are turned about the sensor by up to this, so that they stand as far away as
    # in their own frame, in another direction.
    paste_turn_rad: Weight = 0.0
    object_noise: ObjectNoiseConfig | None = None  # of all objects, pasted ones too


class StepsConfig(FrozenConfig):
    """The learning rate falls by steps, after a rise along a line."""

    at_epochs: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]  # after so many
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    warm_up_steps: Annotated[int, Field(ge=0)] = 0
    warm_up_ratio: Annotated[float, Field(gt=0, le=1)] = 0.001  # of the rate, at the first step


class ScheduleConfig(FrozenConfig):
    """AdamW, one-cycle by default (SparseKD section 2.4 has these as its defaults).

    One cycle: a cosine from a tenth of the learning rate up to it, and down to its 1e-5; the first
    beta falls by 0.1 and rises again.
    """

    epochs: PositiveInt
    frames_per_epoch: PositiveInt
    batch_size: PositiveInt  # per process
    learning_rate: Positive = 0.003
    weight_decay: Weight = 0.01
    betas: tuple[Beta, Beta] = (0.95, 0.99)
    warm_up: Annotated[float, Field(gt=0, lt=1)] = 0.4  # share of steps to the top of one cycle
    steps: StepsConfig | None = None  # instead of one cycle
    clip_norm: Positive = 10.0
    # Of batch norm's running statistics. The papers' 0.01 suits runs of many thousand steps.
    norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.01
    # Share of the run's steps before batch norm's statistics stay as they are
    # (training/batches/norm.py); 0: from the first step, with those of the weights that it starts
    # from; 1: never.
    norm_frozen_from: Probability = 0.5
    sync_norm: bool = False  # statistics over all GPUs of a run
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None  # average of the weights


class LossConfig(FrozenConfig):
    """Weights of the detection loss (SparseKD section 2.3)."""

    heatmap: Weight = 1.0
    box: Weight = 2.0
    # Share of the yaw's loss that tells front from back; the rest is content with either. 1 is
    # the paper's plain L1, which answers "half of them look back" with no direction at all.
    heading: Probability = 1.0  # 1 for a head with direction, whose box says an axis only
    direction: Weight = 0.5  # of a head that tells it
    quality: Weight = 1.0  # of a head that tells it
    # Of the box's values: offset x, y (cells), z (m), log of length, width, height, cos, sin.
    code_weights: tuple[Weight, Weight, Weight, Weight, Weight, Weight, Weight, Weight] = (1,) * 8
    # Cells around a centre that learn its box too. The paper's 0 suits runs of many epochs.
    box_radius: Annotated[int, Field(ge=0)] = 0


class AnchorLossConfig(FrozenConfig):
    """Weights of an anchor head's loss (PointPillars section 3.2)."""

    classes: Weight = 1.0
    box: Weight = 2.0
    direction: Weight = 0.2
    velocity: Weight = 0.2  # of a head that has it


class PointLossConfig(FrozenConfig):
    """Weights of the loss of a network on points (PointRCNN section 3)."""

    points: Weight = 1.0  # classes of the points
    point_box: Weight = 1.0
    heading: Probability = 1.0  # of the points' boxes, as in LossConfig
    score: Weight = 1.0  # of the proposals
    box: Weight = 1.0
    corner: Weight = 1.0


class RegionConfig(FrozenConfig):
    """Proposals that the second stage of a network on points learns from."""

    per_frame: PositiveInt = 128
    proposals: ProposalConfig = ProposalConfig(nms_iou_threshold=0.8, max_proposals=512)


class TrainConfig(FrozenConfig):
    """One run."""

    model: str  # YAML of the network
    seed: int = 0
    # The part of the grid to train on: x, y minimum, x, y maximum, metres. None: all of it.
    area_m: tuple[float, float, float, float] | None = None
    data: Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
    validation: tuple[SourceConfig, ...] = ()
    min_points: PositiveInt = 5  # boxes with fewer points are ignored
    augment: AugmentConfig = AugmentConfig()
    schedule: ScheduleConfig
    loss: LossConfig = LossConfig()  # of a head that finds centres
    anchor_loss: AnchorLossConfig = AnchorLossConfig()
    point_loss: PointLossConfig = PointLossConfig()
    regions: RegionConfig = RegionConfig()  # of a network on points
    initialise_from: str | None = None  # checkpoint to start from
    distill: DistillConfig | None = None
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where hardware has it
    workers: Annotated[int, Field(ge=0, le=1024)] = 1
    out: str  # folder of the run
    licence: str = "Apache-2.0"  # of the weights; data may restrict it
    store: Literal["fp32", "fp16"] = "fp16"  # weight matrices of the checkpoint
    save_every_steps: PositiveInt = 200
    # What model.safetensors holds: the last epoch, or that of the highest f1 on validation.
    keep: Literal["last", "best"] = "last"
    # Thresholds, calibration and errors of boxes in the checkpoint: of the validation, or as they
    # are in the checkpoint to start from, for a run that trains on the sweeps that chose them.
    thresholds: Literal["validation", "start"] = "validation"

    @model_validator(mode="after")
    def _teacher_points_have_a_teacher(self) -> Self:
        if not any(source.teacher_points for source in self.data):
            return self
        if self.distill is None:
            raise ValueError("data: teacher_points are for a teacher, and distill names none")
        if any(self.augment.paste.values()) or self.augment.object_noise is not None:
            raise ValueError(
                "data: teacher_points show the objects of the sweep alone; leave out augment.paste"
                " and augment.object_noise"
            )
        return self

    @model_validator(mode="after")
    def _best_needs_validation(self) -> Self:
        if self.keep == "best" and not self.validation:
            raise ValueError("keep: best is chosen on validation, and that names no source")
        return self

    @model_validator(mode="after")
    def _thresholds_have_a_source(self) -> Self:
        if self.thresholds == "start" and (self.validation or self.initialise_from is None):
            raise ValueError(
                "thresholds: start takes those of initialise_from, without validation; name the"
                " one, and leave out the other"
            )
        return self

    @model_validator(mode="after")
    def _one_cycle_has_steps(self) -> Self:
        if self.schedule.frames_per_epoch < self.schedule.batch_size:
            raise ValueError("schedule.frames_per_epoch: must be at least schedule.batch_size")
        return self
