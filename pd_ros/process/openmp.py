"""Set how threads of one computation wait for each other."""

import os

_POLICY, _SPINS = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
# About 0.2 ms: as long as most waits where nobody else wants the cores.
_FEW_SPINS = "3000"
# What GNU's OpenMP takes where neither variable is set, by its manual.
_DEFAULT_SPINS = "300000"


def wait_briefly() -> None:
    """Let threads that wait for others spin a little and then sleep, unless the environment says.

    By default they spin for long, which is fastest alone. But where something else wants the same
    cores, the one that is waited for then gets none of them, and a network takes many times as
    long. Sleeping at once (``OMP_WAIT_POLICY=PASSIVE``) doubles the time of a network that is
    alone. OpenMP reads this once, so it has to be said before torch is imported: the packages do
    so when they are, and processes that are started later inherit it.
    """
    if _POLICY not in os.environ:
        os.environ.setdefault(_SPINS, _FEW_SPINS)


def wait_as_by_default() -> None:
    """Take back what ``wait_briefly`` said, for processes that are started from now on."""
    if os.environ.get(_SPINS) == _FEW_SPINS:
        os.environ[_SPINS] = _DEFAULT_SPINS  # unset, they would set it again
