"""Kernels as machine code: compiled once by numba, kept in the cache folder, loaded by LLVM alone.

numba takes 0.3 s and 100 MB to load what it compiled in an earlier process. A kernel that works on
pointers needs nothing of it once it is compiled, so its code is kept without numba's wrapping, and
llvmlite, which takes 0.03 s, puts it into memory. A call lets other threads run meanwhile.
"""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm

# How each argument is passed, and what numba calls it.
_ARGUMENTS = {
    "int": (ctypes.c_int64, "int64"),
    "int32[]": (ctypes.c_void_p, "CPointer(int32)"),
    "int64[]": (ctypes.c_void_p, "CPointer(int64)"),
    "float32[]": (ctypes.c_void_p, "CPointer(float32)"),
    "uint16[]": (ctypes.c_void_p, "CPointer(uint16)"),
    "uint32[]": (ctypes.c_void_p, "CPointer(uint32)"),
}
_DIGEST_BYTES = 32


class Kernel(NamedTuple):
    """A function of a module beside this one, which returns nothing and raises nothing."""

    module: str
    name: str
    arguments: tuple[str, ...]  # keys of ``_ARGUMENTS``


def load_kernel(kernel: Kernel) -> Callable[..., None]:
    """The compiled function; integers are passed as such, arrays by their address.

    Compiles where the cache folder (``XDG_CACHE_HOME``, else ``~/.cache``) has no code of this
    source for this processor, which takes a second or two. Raises ``OSError`` where it cannot be
    kept there, and ``ImportError`` without numba.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    file = _cache_file(kernel)
    code = _read(file)
    if code is None:
        code = _compile_into(file, kernel)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    kinds = [_ARGUMENTS[argument][0] for argument in kernel.arguments]
    function: Any = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(kernel.name))
    function.engine = engine  # the code lives as long as this does
    return function  # type: ignore[no-any-return]


def _cache_file(kernel: Kernel) -> Path:
    """Where the code is kept; its name has all that it depends on."""
    here = Path(__file__)
    sources = [here, here.with_name(f"{kernel.module}.py")]
    said = f"{kernel} {llvmlite.__version__} {_processor()}"
    digest = hashlib.sha256(said.encode() + b"".join(file.read_bytes() for file in sources))
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:  # a user without a home
        raise OSError(str(error)) from None
    return Path(home) / "pd_ros" / "compiled" / f"{kernel.name}-{digest.hexdigest()[:32]}"


def _read(file: Path) -> bytes | None:
    """The code in a file; None where it is not there, or not whole."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if digest == hashlib.sha256(code).digest() else None


def _compile_into(file: Path, kernel: Kernel) -> bytes:
    """Compile a kernel, and keep its code; another process may be doing the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent)  # first of all: it says whether one may write
    try:
        with os.fdopen(handle, "wb") as stream:
            code = _compile(kernel)
            stream.write(hashlib.sha256(code).digest() + code)
        Path(part).replace(file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return code


def _compile(kernel: Kernel) -> bytes:
    """The kernel as an object file whose only symbol to be called is its name."""
    import numba  # noqa: PLC0415

    function = getattr(import_module(f"{__package__}.{kernel.module}"), kernel.name)
    signature = ", ".join(_ARGUMENTS[argument][1] for argument in kernel.arguments)
    options = {"error_model": "numpy", "fastmath": {"contract"}}  # nothing is raised; x * y + z
    compiled = numba.cfunc(f"void({signature})", **options)(function)
    module = llvm.parse_assembly(compiled.inspect_llvm())
    entry = module.get_function(compiled.native_name)
    for defined in module.functions:
        if not defined.is_declaration and defined.name != entry.name:
            defined.linkage = "internal"  # so that what it does is known where it is called
    entry.name = kernel.name
    machine = _target_machine()
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    tuning.slp_vectorization = True  # numba leaves that out; it makes eight sums one instruction
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    _check_alone(module, kernel)
    return bytes(machine.emit_object(module))


def _check_alone(module: Any, kernel: Kernel) -> None:
    """Raise ``RuntimeError`` for a kernel that would call Python: it could not be loaded."""
    declared = [each.name for each in module.functions if each.is_declaration]
    if others := [name for name in declared if not name.startswith("llvm.")]:
        raise RuntimeError(f"{kernel.name}: raises errors or allocates by {', '.join(others)}")


def _processor() -> str:
    """Name and abilities of this processor."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def _target_machine() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
    )
