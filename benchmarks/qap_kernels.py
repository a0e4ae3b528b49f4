"""Swap evaluations per CPU-second of the tabu kernel, beside the SIMD C kernel of `rots2.cpp` in the same run.

usage: python benchmarks/qap_kernels.py [PATH_OF_rots2.cpp]

The C program is compiled with ``g++ -O3 -march=native -ffast-math`` and run in its fastest number type. Both take turns; each
figure is the best of many short windows, which is what other work on the machine disturbs least. Searches per step: 2 to 64.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
from common import SHARED, report

from mezan.solvers import devices
from mezan.solvers.qap import QAP
from mezan.solvers.qap.tabu import BLOCK, RobustTabu

INSTANCES = ("nug30", "tai50a", "tai100a")
BATCHES = (2, 8, 16, 64)
ROUNDS = 8
DEFAULT = SHARED.parent / "anchors" / "code" / "qap" / "rots2.cpp"


class Search:
    """One batch, stepped in windows of about 20 ms."""

    def __init__(self, problem: QAP, restarts: int) -> None:
        kernel = RobustTabu(restarts=restarts)
        self.arrays = jax.device_put(kernel.arrays(problem), devices.take(self))
        self.state = jax.jit(kernel.init)(self.arrays, np.array([0, 1], np.uint32))
        self.step = jax.jit(kernel.step, donate_argnums=(1,))
        self.state = self.step(self.arrays, self.state, np.int32(2))
        n = problem.size
        self.pairs = BLOCK * restarts * n * (n - 1) / 2
        self.blocks = max(1, int(0.02 * 4e8 / self.pairs))

    def rate(self, seconds: float = 0.25) -> float:
        """The best window's evaluations per CPU-second."""
        best, end = 0.0, time.process_time() + seconds
        while time.process_time() < end:
            start = time.process_time()
            self.state = jax.block_until_ready(self.step(self.arrays, self.state, np.int32(self.blocks)))
            best = max(best, self.blocks * self.pairs / (time.process_time() - start))
        return best


def c_rate(program: Path, data: Path, kind: str, seed: int) -> float:
    """The C kernel's evaluations per CPU-second over a quarter of a second."""
    command = [str(program), str(data), "simd", kind, "0", "0.25", str(seed), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["evals_per_s"])


def main() -> None:
    """Measure, print, keep."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "rots"
        command = ["g++", "-O3", "-march=native", "-ffast-math", "-w", "-o", str(program), str(source)]
        subprocess.run(command, check=True)
        for name in INSTANCES:
            data = SHARED / "qaplib" / f"{name}.dat"
            searches = {count: Search(QAP.from_qaplib(data), count) for count in BATCHES}
            ours, peer = dict.fromkeys(BATCHES, 0.0), 0.0
            for seed in range(1, ROUNDS + 1):
                peer = max(peer, *(c_rate(program, data, kind, seed) for kind in "fd"))
                for count, search in searches.items():
                    ours[count] = max(ours[count], search.rate())
            row: dict[str, object] = {"instance": name, "C SIMD, million/s": peer / 1e6}
            row |= {f"JAX, {count} at once": rate / 1e6 for count, rate in ours.items()}
            rows.append(row | {"best, share of C": max(ours.values()) / peer})
    report("qap_kernels", rows)


if __name__ == "__main__":
    main()
