"""Commands that are told to stop when the process that started them is gone, even if killed."""

import os
import shutil
import signal
import sys
from collections.abc import Sequence

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
# Runs in the child and becomes the program. Not between fork and exec of the parent (preexec_fn),
# which may hang where other threads hold locks. The parent may be gone before the signal is set.
# A shell's background jobs have SIGINT ignored, some processes have it blocked: both would be
# handed on.
_BECOME = f"""
import ctypes, os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
ctypes.CDLL(None).prctl({_SET_DEATH_SIGNAL}, {int(signal.SIGINT)}, 0, 0, 0)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[3:])
"""


def ending_with_parent(command: Sequence[str]) -> list[str]:
    """Return a command that runs ``command`` and sends it SIGINT when its parent dies.

    The parent is the thread that starts it: the main thread lives as long as the process. On
    other systems than Linux ``command`` as it is. Raises ``FileNotFoundError`` where there is no
    such program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(f"no program {command[0]} on the PATH")
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), program, *command]
