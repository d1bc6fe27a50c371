"""What a network is: one YAML, read once, checked at once, frozen after.

The only file that reads model configs, and the only one that knows their rules.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
Probability = Annotated[float, Field(ge=0, le=1)]


class FrozenConfig(BaseModel):
    """Base of all configs: unknown keys are refused, and nothing changes after."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


ConfigT = TypeVar("ConfigT", bound=FrozenConfig)


def _by_kind(default: str) -> Discriminator:
    """Which config a part is of; one without ``kind`` is older than there being several."""

    def kind(part: object) -> str:
        given = part.get("kind", default) if isinstance(part, dict) else getattr(part, "kind", "")
        return str(given)

    return Discriminator(kind)


class GridConfig(FrozenConfig):
    """The part of space a network sees, and the size of its pillars; cloud's frame, metres."""

    range_m: tuple[float, float, float, float, float, float]  # x, y, z minimum; x, y, z maximum
    pillar_size_m: tuple[float, float]  # along x, along y
    voxel_height_m: PositiveFloat | None = None  # None: pillars, as high as the range

    @property
    def layers(self) -> int:
        """Voxels above each other; 1 for pillars."""
        if self.voxel_height_m is None:
            return 1
        return round((self.range_m[5] - self.range_m[2]) / self.voxel_height_m)

    @property
    def size(self) -> tuple[int, int]:
        """Rows (y) and columns (x) of the pillar grid."""
        x0, y0, _, x1, y1, _ = self.range_m
        return round((y1 - y0) / self.pillar_size_m[1]), round((x1 - x0) / self.pillar_size_m[0])

    @model_validator(mode="after")
    def _whole_cells(self) -> Self:
        lower, upper = self.range_m[:3], self.range_m[3:]
        for axis, start, end in zip("xyz", lower, upper, strict=True):
            if end <= start:
                raise ValueError(f"{axis}: range from {start} to {end} m is empty or reversed")
        for axis, start, end, size in zip("xy", lower, upper, self.pillar_size_m, strict=False):
            if size <= 0:
                raise ValueError(f"{axis}: pillar size must be positive, got {size} m")
            cells = (end - start) / size
            if abs(cells - round(cells)) > 1e-6:
                raise ValueError(
                    f"{axis}: range {start} to {end} m is not a whole number of {size} m pillars"
                    f" ({cells:.3f}); change the range or the size"
                )
        height = (upper[2] - lower[2]) / (self.voxel_height_m or upper[2] - lower[2])
        if abs(height - round(height)) > 1e-6:
            raise ValueError(
                f"z: range {lower[2]} to {upper[2]} m is not a whole number of"
                f" {self.voxel_height_m} m voxels ({height:.3f}); change the range or the height"
            )
        return self


class CapacityConfig(FrozenConfig):
    """How much one cloud may hold; what exceeds it is left out and counted."""

    max_points: PositiveInt = 200_000
    max_pillars: PositiveInt = 60_000
    max_points_per_pillar: PositiveInt | None = None  # None: dynamic, every point counts


class PillarEncoderConfig(FrozenConfig):
    """Pillar feature network: one width per layer (SparseKD's pillars: 64, 64)."""

    kind: Literal["pillars"] = "pillars"
    widths: Widths


class SparseEncoderConfig(FrozenConfig):
    """Sparse convolutions over voxels; see ``pd_ros.detection.sparse``."""

    kind: Literal["sparse"]
    stem: PositiveInt
    widths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    layers: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    out: PositiveInt
    residual: bool = False


EncoderConfig = Annotated[
    Annotated[PillarEncoderConfig, Tag("pillars")] | Annotated[SparseEncoderConfig, Tag("sparse")],
    _by_kind("pillars"),
]


class BackboneConfig(FrozenConfig):
    """Stages of 3 x 3 convolutions: a strided one, then ``layers`` more at the same width."""

    widths: Widths
    layers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    strides: Widths


class NeckConfig(FrozenConfig):
    """Upsampling of each stage to the head's resolution, then concatenation."""

    widths: Widths
    strides: Widths


class CenterHeadConfig(FrozenConfig):
    """CenterPoint head: width of the shared convolution and of each branch."""

    kind: Literal["center"] = "center"
    width: PositiveInt


class AnchorConfig(FrozenConfig):
    """The anchor of one class, and which overlaps make it an example."""

    size_m: tuple[PositiveFloat, PositiveFloat, PositiveFloat]  # length, width, height
    bottom_m: float  # z of its underside
    matched_iou: Probability  # an anchor of this overlap or more learns the object
    unmatched_iou: Probability  # one of less is background; those between do not count


class AnchorHeadConfig(FrozenConfig):
    """Anchor head (SECOND, PointPillars): one anchor per class, in the order of ``classes``."""

    kind: Literal["anchors"]
    anchors: Annotated[tuple[AnchorConfig, ...], Field(min_length=1)]
    rotations_rad: Annotated[tuple[float, ...], Field(min_length=1)] = (0.0, 1.57)
    direction_offset_rad: float = 0.78539  # where the half turns that it tells apart begin


HeadConfig = Annotated[
    Annotated[CenterHeadConfig, Tag("center")] | Annotated[AnchorHeadConfig, Tag("anchors")],
    _by_kind("center"),
]


class DecodeConfig(FrozenConfig):
    """From maps to boxes."""

    max_candidates: PositiveInt = 500
    score_threshold: Probability = 0.1
    nms_iou_threshold: Probability = 0.2
    max_detections: PositiveInt = 200


_KINDS = ("pillars", "sparse", "center", "anchors")


class ModelConfig(FrozenConfig):
    """Everything that the weights decide; travels inside the checkpoint."""

    name: Annotated[str, Field(min_length=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    features: tuple[str, ...] = ("intensity",)  # what follows x, y, z in each point
    grid: GridConfig
    capacity: CapacityConfig = CapacityConfig()
    encoder: EncoderConfig
    backbone: BackboneConfig
    neck: NeckConfig
    head: HeadConfig
    decode: DecodeConfig = DecodeConfig()

    @property
    def range_m(self) -> tuple[float, float, float, float, float, float]:
        """The part of space it sees: x, y, z minimum; x, y, z maximum; metres."""
        return self.grid.range_m

    @property
    def canvas_stride(self) -> int:
        """Pillars or voxels per cell of the backbone's input, along x and y."""
        return 8 if isinstance(self.encoder, SparseEncoderConfig) else 1

    @property
    def canvas_channels(self) -> int:
        """Channels of the backbone's input."""
        if isinstance(self.encoder, PillarEncoderConfig):
            return self.encoder.widths[-1]
        height = self.grid.layers + 1
        for padding in (1, 1, 0):  # of the three strided convolutions, 3 high
            height = (height + 2 * padding - 3) // 2 + 1
        return self.encoder.out * ((height - 3) // 2 + 1)

    @property
    def output_stride(self) -> int:
        """Pillars or voxels per cell of the head's map, along x and y."""
        return self.canvas_stride * self.backbone.strides[0] // self.neck.strides[0]

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of the head's map."""
        rows, columns = self.grid.size
        return rows // self.output_stride, columns // self.output_stride

    @property
    def output_cell_m(self) -> tuple[float, float]:
        """Metres per cell of the head's map along x and y."""
        x, y = self.grid.pillar_size_m
        return x * self.output_stride, y * self.output_stride

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        lengths = {
            "backbone.widths": len(self.backbone.widths),
            "backbone.layers": len(self.backbone.layers),
            "backbone.strides": len(self.backbone.strides),
            "neck.widths": len(self.neck.widths),
            "neck.strides": len(self.neck.strides),
        }
        if len(set(lengths.values())) != 1:
            raise ValueError(f"one entry per stage is needed everywhere, got {lengths}")
        stride = self.canvas_stride
        for i, step in enumerate(self.backbone.strides):
            stride *= step
            up = self.neck.strides[i]
            if stride != up * self.output_stride:
                raise ValueError(
                    f"neck.strides[{i}]: stage {i} is at stride {stride}, upsampling by {up} does"
                    f" not bring it to the first one's stride {self.output_stride}"
                )
        if any(cells % stride for cells in self.grid.size):
            raise ValueError(
                f"grid: {self.grid.size} pillars cannot be divided by the total stride {stride};"
                " change grid.range_m"
            )
        return self

    @model_validator(mode="after")
    def _encoder_fits_the_grid(self) -> Self:
        sparse = isinstance(self.encoder, SparseEncoderConfig)
        if sparse != (self.grid.voxel_height_m is not None):
            raise ValueError(
                "encoder: sparse convolutions need grid.voxel_height_m, pillars must not have it"
            )
        return self

    @model_validator(mode="after")
    def _one_anchor_per_class(self) -> Self:
        head = self.head
        if isinstance(head, AnchorHeadConfig) and len(head.anchors) != len(self.classes):
            raise ValueError(
                f"head.anchors: one for each of the classes {list(self.classes)} is needed, got"
                f" {len(head.anchors)}"
            )
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for where, names in (("classes", self.classes), ("features", self.features)):
            if len(set(names)) != len(names):
                raise ValueError(f"{where}: names must differ, got {list(names)}")
        return self


def load_config(path: Path, kind: type[ConfigT]) -> ConfigT:
    """Read and check a YAML file; raises ``ValueError`` that names the file and every bad key."""
    return parse_config(read_yaml(path), kind, str(path))


def read_yaml(path: Path) -> object:
    """What a YAML file says; raises ``ValueError`` that names a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    try:
        content: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: is not valid YAML: {error}") from None
    return content


def parse_config(content: object, kind: type[ConfigT], where: str) -> ConfigT:
    """Check already loaded content; raises ``ValueError`` with one line per bad key."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [_describe(where, problem) for problem in error.errors()]
        raise ValueError("\n".join(lines)) from None


def _describe(where: str, problem: object) -> str:
    assert isinstance(problem, dict)
    # Which kind of encoder or head it was is part of pydantic's path, but not of the file's.
    parts = [str(part) for part in problem["loc"] if part not in _KINDS]
    key = ".".join(parts) or "(whole file)"
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "unknown key; remove it or correct its spelling"
    got = "" if problem["type"] in ("missing", "value_error") else f" (got {problem['input']!r})"
    return f"{where}: {key}: {text}{got}"
