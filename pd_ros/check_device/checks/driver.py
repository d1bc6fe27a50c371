"""The device itself: driver, torch's build, capability, and whether a product comes out right."""

import csv
import io
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import torch

from pd_ros.benchmark.hardware import describe_machine
from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import ROUNDING, relative_error
from pd_ros.check_device.networks import device_of, exact_products, precisions
from pd_ros.detection.device import PRECISIONS, has_bf16

# What the driver is asked for, in the words of nvidia-smi.
_ASKED = ("name", "driver_version", "memory.total", "memory.used", "compute_mode", "pstate",
          "mig.mode.current", "clocks.max.sm", "power.limit", "temperature.gpu")  # fmt: skip
_PACKAGES = ("numpy", "pydantic", "PyYAML", "safetensors", "spconv", "spconv-cu118",
             "spconv-cu120", "spconv-cu121", "spconv-cu124", "spconv-cu126", "rclpy", "rosbags",
             "tqdm", "scipy", "shapely", "tensorrt", "onnx")  # fmt: skip
_SIZE = 1024


def check(setting: Setting) -> Finding:
    """Describe the device; fails where torch was not built for it, or it multiplies wrongly."""
    device = device_of(setting)
    figures: dict[str, object] = {**describe_machine(), "packages": packages()}
    errors = {name: product_error(device, name) for name in precisions(device)}
    figures["product_errors"] = errors
    wrong = [name for name, error in errors.items() if error > ROUNDING[name]]
    built, text = True, str(figures["cpu"])
    if device.type == "cuda":
        described = describe_gpu(device)
        figures |= {"gpu": described, "driver": ask_driver(device.index or 0)}
        built = supports(torch.cuda.get_device_capability(device), torch.cuda.get_arch_list())
        text = f"{described['name']}, sm_{described['capability']}, CUDA {torch.version.cuda}"
    said = ", ".join(f"{name} {error:.1g}" for name, error in errors.items())
    text += f", torch {torch.__version__}; error of a product: {said}"
    if not built:
        text += "; torch was not built for this GPU: install a build that lists its capability"
    return Finding(built and not wrong, text, figures)


def describe_gpu(device: torch.device) -> dict[str, object]:
    """What torch says of a GPU."""
    properties = torch.cuda.get_device_properties(device)
    major, minor = torch.cuda.get_device_capability(device)
    return {
        "name": properties.name,
        "capability": f"{major}{minor}",
        "memory_gb": round(properties.total_memory / 1e9, 1),
        "multiprocessors": properties.multi_processor_count,
        "architectures": torch.cuda.get_arch_list(),
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "bf16": has_bf16(device),
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "gpus": torch.cuda.device_count(),
    }


def supports(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a build has code that a GPU runs: of its own generation, or to be compiled for it.

    ``architectures``: ``sm_90`` runs on 9.0 and later of 9, ``compute_90`` on all that is later.
    """
    for name in architectures:
        kind, _, digits = name.partition("_")
        digits = digits.rstrip("af")  # of one chip or family alone
        if not digits.isdecimal():
            continue
        major, minor = int(digits[:-1]), int(digits[-1])
        same = kind == "sm" and major == capability[0] and minor <= capability[1]
        if same or (kind == "compute" and (major, minor) <= capability):
            return True
    return False


def ask_driver(index: int) -> dict[str, str]:
    """What nvidia-smi says of a GPU; how it failed where it does not."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {"error": "nvidia-smi is not there"}
    command = [
        program,
        f"--id={index}",
        f"--query-gpu={','.join(_ASKED)}",
        "--format=csv,noheader",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"nvidia-smi: {error}"}
    if done.returncode:
        return {"error": f"nvidia-smi: {(done.stdout or done.stderr).strip()}"}
    return read_answer(done.stdout)


def read_answer(text: str) -> dict[str, str]:
    """The fields of nvidia-smi's line by their names; an error where they are not as many."""
    values = next(iter(csv.reader(io.StringIO(text), skipinitialspace=True)), [])
    if len(values) != len(_ASKED):
        return {"error": f"nvidia-smi: expected {len(_ASKED)} values, got {text.strip()!r}"}
    return dict(zip(_ASKED, (value.strip() for value in values), strict=True))


def packages() -> dict[str, str]:
    """Versions of the packages that are installed, of those that the checks use."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def product_error(device: torch.device, precision: str) -> float:
    """Relative error of a matrix product, of factors that the precision holds exactly."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randint(-8, 9, (2, _SIZE, _SIZE), generator=generator).float().unbind(0)
    kind = PRECISIONS[precision]
    with exact_products():
        found = a.to(device, kind) @ b.to(device, kind)
    return relative_error((a.double() @ b.double()).float(), found.float())
