"""Config of a benchmark suite: one YAML in ``config/benchmark``, frozen after it is read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pd_ros.detection.config.base import FrozenConfig, PositiveInt, load_config
from training.config.base import Positive
from training.config.run import SourceConfig

PLAIN = "none"  # the student without distillation, in every pair
TRAINED = "trained"  # the teacher as its run has it
Overlap = Literal["strict", "loose"]  # KITTI's 0.7 and 0.5 (people and cycles), or 0.5 and 0.25
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]  # of a folder, too
Sources = Annotated[tuple[SourceConfig, ...], Field(min_length=1)]
# Multiples of the budget, and with how many of the seeds, the first ones.
Budgets = Annotated[dict[PositiveInt, PositiveInt], Field(min_length=1)]

_SUITES = Path(__file__).parents[2] / "config/benchmark"


class RowConfig(FrozenConfig):
    """How the students of one row are trained, and how often."""

    distill: dict[str, Any] = {}  # as in a run, without its teacher
    run: dict[str, Any] = {}  # other keys of a run
    key: bool = False  # of the headline: trained before the rows that are not
    budgets: Budgets | None = None  # None: the suite's of key rows, or of others
    teacher: Name = TRAINED  # or one of the pair's ``teachers``
    teacher_steps: bool = False  # as many steps more as the teacher has had


class PairConfig(FrozenConfig):
    """A student and its teacher."""

    name: Name
    student: str  # YAML of the network
    teacher: str  # YAML of a run, which is trained first, or a checkpoint
    teacher_run: dict[str, Any] = {}  # keys of the teacher's run that differ from its YAML
    # Other teachers of the same network, by name: keys of their runs that differ from the first's.
    # Rows may name one; all are scored.
    teachers: dict[Name, dict[str, Any]] = {}
    base: str | None = None  # YAML of the run that those of the students start from
    run: dict[str, Any] = {}  # keys of a run that differ from it in all of the pair's students
    factors_of: Name | None = None  # a pair whose search is this one's, too
    methods: Annotated[dict[Name, RowConfig], Field(min_length=1)]

    @property
    def rows(self) -> dict[str, RowConfig]:
        """All methods in their order, the plain student first."""
        return {PLAIN: RowConfig(key=True), **self.methods}

    @model_validator(mode="after")
    def _methods_teach(self) -> Self:
        for name, method in self.methods.items():
            if name == PLAIN:
                raise ValueError(f"methods.{PLAIN}: is in every pair by itself; remove it")
            if not (method.distill or method.run or method.teacher_steps):
                raise ValueError(
                    f"methods.{name}.distill: names no method; add one, for example `logit: {{}}`"
                )
            if "teacher" in method.distill:
                raise ValueError(f"methods.{name}.distill.teacher: is the pair's; remove it")
            if method.teacher != TRAINED and method.teacher not in self.teachers:
                raise ValueError(
                    f"methods.{name}.teacher: expected {TRAINED} or one of"
                    f" {sorted(self.teachers)} of teachers, got {method.teacher!r}"
                )
        if TRAINED in self.teachers:
            raise ValueError(f"teachers.{TRAINED}: is the pair's own; choose another name")
        return self


class SearchConfig(FrozenConfig):
    """The weights of each method are multiplied by each factor; the best one is taken.

    Where that is the least or the greatest, one beyond it is tried too, ``extend`` times at most.
    """

    seed: int  # not one of those that are compared
    factors: Annotated[tuple[Positive, ...], Field(min_length=2)]
    extend: Annotated[int, Field(ge=0)] = 0
    epochs: PositiveInt | None = None  # None: as many as the runs that are compared
    frames_per_epoch: PositiveInt | None = None
    validation: Sources  # what the factors are judged by
    overlap: Overlap = "strict"  # at which the mAP is to be best


class ContrastConfig(FrozenConfig):
    """Two rows that are compared with each other, seed by seed."""

    row: Name
    than: Name


class SimulateConfig(FrozenConfig):
    """Simulated sweeps that are made where they are missing."""

    count: PositiveInt
    seed: int
    sensor: str | None = None  # None: that of ``training.simulate``
    teacher_sensor: str | None = None  # sweeps also hold what a teacher sees through this one


class SuiteConfig(FrozenConfig):
    """Pairs, and what all their runs share."""

    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    budgets: Budgets | None = None  # of key rows; None: 1, with all seeds
    other_budgets: Budgets | None = None  # of the others, likewise
    teacher_seeds: tuple[int, ...] = ()  # the students take these teachers in turn; none: its own
    gpus_per_run: PositiveInt = 1  # processes of torchrun
    simulate: dict[str, SimulateConfig] = {}  # by folder
    # On disk, for the other methods: those of a pair and a seed see the same batches.
    keep_batches: bool = False
    run: dict[str, Any] = {}  # keys of a run that are the same for all students
    test: Annotated[dict[Name, SourceConfig], Field(min_length=1)]  # what the results are of
    validation: dict[Name, SourceConfig] = {}  # scored too, and shown by no table of results
    candidates: tuple[Name, ...] = ()  # rows of which the best on validation is named
    contrasts: tuple[ContrastConfig, ...] = ()  # beside each row and the plain student
    overlap: Overlap = "strict"  # that the pictures show
    search: SearchConfig | None = None  # None: all weights are taken as they are
    pairs: Annotated[tuple[PairConfig, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_fair(self) -> Self:
        names = [pair.name for pair in self.pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"pairs: expected different names, got {names}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: expected different ones, got {list(self.seeds)}")
        for pair in self.pairs:
            self._check_factors(pair)
            for row in pair.rows.values():
                self._check_seeds(pair.name, self.budgets_of(row))
        self._check_sources("validation", tuple(self.validation.values()))
        if self.candidates and not self.validation:
            raise ValueError("candidates: are told apart on validation; name a source there")
        if self.search is None:
            return self
        if self.search.seed in self.seeds:
            raise ValueError(f"search.seed: {self.search.seed} is one of seeds; take another")
        self._check_sources("search.validation", self.search.validation)
        return self

    @property
    def scored(self) -> dict[str, SourceConfig]:
        """What every job is scored on: the tests, and what rows are chosen by."""
        return {**self.test, **self.validation}

    def budgets_of(self, row: RowConfig) -> dict[int, int]:
        """How many seeds a row has at each multiple of the budget."""
        given = row.budgets or (self.budgets if row.key else self.other_budgets)
        return given or {1: len(self.seeds)}

    def _check_seeds(self, pair: str, budgets: Mapping[int, int]) -> None:
        most = max(budgets.values())
        if most > len(self.seeds):
            raise ValueError(
                f"budgets: pair {pair} wants {most} seeds, and seeds has {len(self.seeds)}; add"
                " some, or lower it"
            )

    def _check_sources(self, key: str, sources: Sequence[SourceConfig]) -> None:
        """Nothing is chosen on what the results are scored on."""
        tested = [_part(source) for source in self.test.values()]
        for source in sources:
            if _part(source) in tested:
                raise ValueError(
                    f"{key}: {source.path} is one of test, on which the results are scored; take"
                    " other sweeps"
                )

    def _check_factors(self, pair: PairConfig) -> None:
        """Factors come from a pair that has searched them."""
        others = {
            other.name
            for other in self.pairs
            if other.factors_of is None and set(pair.methods) <= set(other.methods)
        }
        if pair.factors_of is not None and pair.factors_of not in others:
            raise ValueError(
                f"pairs: factors_of of {pair.name}: expected a pair with a search of its own and"
                f" all of these methods, one of {sorted(others)}, got {pair.factors_of!r}"
            )


def _part(source: SourceConfig) -> tuple[str | None, ...]:
    return source.path, source.split, source.files, source.only


def load_suite(name: str) -> SuiteConfig:
    """A suite by the name of its YAML in ``config/benchmark``, or by a path.

    Raises ``ValueError`` where there is none, or with one line for each bad key.
    """
    path = Path(name)
    if path.suffix != ".yaml":
        path = _SUITES / f"{name}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in _SUITES.glob("*.yaml")))
            raise ValueError(f"--suite: expected a YAML or one of {known}, got {name!r}")
    return load_config(path, SuiteConfig)
