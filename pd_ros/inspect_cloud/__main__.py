"""Why are there no boxes? The command that says it.

python -m pd_ros.inspect_cloud drive.mcap
"""

import sys
from collections.abc import Sequence

from pd_ros.process.stop_signals import Stopped, StopSignals


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 1 where a finding warns, 130 after Ctrl-C."""
    signals = StopSignals(unfinished=True)  # before torch is imported
    from pd_ros.inspect_cloud.inspection import inspect  # noqa: PLC0415

    signals.raise_from_now_on()
    try:
        return inspect(arguments)
    except Stopped:
        return signals.exit_code
    finally:
        signals.ignore()


if __name__ == "__main__":
    sys.exit(main())
