"""What the nodes work with where nobody sets a parameter, but for what a test changes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pd_ros.runtime.parameters.comparison_specs import COMPARISON_SPECS
from pd_ros.runtime.parameters.read import (
    default_values,
    read_comparison,
    read_settings,
    read_startup,
)
from pd_ros.runtime.parameters.specs import SPECS
from pd_ros.runtime.settings import ComparisonSettings, Settings, StartupParameters

_VALUES, _COMPARISON_VALUES = default_values(SPECS), default_values(COMPARISON_SPECS)


def default_settings(**changes: Any) -> Settings:
    """Settings of a model without classes, unless names and thresholds are given."""
    return replace(read_settings(_VALUES.__getitem__, (), ()), **changes)


def default_startup(checkpoint: Path, **changes: Any) -> StartupParameters:
    """Return the startup parameters of a detector on the CPU."""
    startup = read_startup(_VALUES.__getitem__, str(checkpoint))
    return replace(startup, **{"device": "cpu", **changes})


def default_comparison(checkpoint: Path, **changes: Any) -> ComparisonSettings:
    """Return the settings of a comparison with a teacher."""
    return replace(read_comparison(_COMPARISON_VALUES.__getitem__, str(checkpoint)), **changes)
