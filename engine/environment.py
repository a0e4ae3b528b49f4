"""Where measurements are made: a snapshot of everything that may change a time, or the last bit of a result."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .events import EnvironmentSpec

PACKAGES = ("mezan", "jax", "jaxlib", "numpy", "scipy")
VARIABLES = (
    "XLA_FLAGS", "JAX_PLATFORMS", "JAX_ENABLE_X64", "JAX_NUM_CPU_DEVICES", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE",
)  # fmt: skip
LONGEST = 500
"""Characters of a variable that are kept."""


def snapshot() -> EnvironmentSpec:
    """This process's environment. Imports JAX and may start its backend: call it on a thread."""
    import jax

    return EnvironmentSpec(
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := version_of(name)) is not None},
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        devices=tuple(f"{device.platform}:{device.device_kind}" for device in jax.devices()),
        revision=_revision(Path(__file__).resolve().parents[1]),
        variables={name: os.environ[name][:LONGEST] for name in VARIABLES if name in os.environ},
    )


def differences(before: EnvironmentSpec, now: EnvironmentSpec) -> list[tuple[str, str, str]]:
    """What differs between two environments: (name, value before, value now), ``-`` where there is none."""
    a, b = _flat(before), _flat(now)
    names = [*a, *(name for name in b if name not in a)]
    return [(name, a.get(name, "-"), b.get(name, "-")) for name in names if a.get(name) != b.get(name)]


def _flat(spec: EnvironmentSpec) -> dict[str, str]:
    plain = {name: getattr(spec, name) for name in ("python", "platform", "cpu", "cores", "revision")}
    named = {**plain, **spec.packages, **spec.variables, "devices": ", ".join(spec.devices)}
    return {name: str(value) for name, value in named.items() if value is not None}


def version_of(name: str) -> str | None:
    """The version of an installed distribution; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _revision(root: Path) -> str | None:
    """The commit of the checkout that mezan runs from, with ``+`` when files differ from it; None outside of one."""
    if not (root / ".git").exists():
        return None
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + "+" * bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
