"""A check that ends as its network says, whatever that does to its process."""

import os
import signal
import time

from pd_ros.check_device.check import Finding, Setting, Skip


def check(setting: Setting) -> Finding:
    match setting.network:
        case "failing":
            return Finding(False, "wrong by 3")
        case "raising":
            raise RuntimeError("CUDA error: an illegal memory access\nand more of it")
        case "skipping":
            raise Skip("no reason")
        case "crashing":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "hanging":
            time.sleep(600)
    return Finding(True, "as it should be", {"process": os.getpid(), "seconds": setting.seconds})
