"""Grids for the tests of a benchmark."""

from collections.abc import Callable

import pytest
from small_suite import search_config, small_suite

from training.benchmark.grid import Grid


@pytest.fixture
def make_grid(tmp_path) -> Callable[..., Grid]:
    """Grids of one folder, with a search of the factors 0.5 and 2, and changes of the suite."""

    def make(**changes: object) -> Grid:
        suite = small_suite(tmp_path, **{"search": search_config(tmp_path), **changes})
        return Grid(suite, tmp_path / "out")

    return make
