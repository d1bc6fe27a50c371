"""How threads of one computation wait for each other."""

import os

_POLICY = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Let threads that wait for others sleep, unless the environment says otherwise.

    By default they spin, which is faster alone. But where something else wants the same cores,
    the one that is waited for then gets none of them, and a network takes many times as long.
    OpenMP reads this once, so it has to be said before torch is imported.
    """
    os.environ.setdefault(_POLICY, "PASSIVE")
