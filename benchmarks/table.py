"""Write the tables of ``benchmarks/README.md`` from ``results/*.json``.

usage: python benchmarks/table.py
"""

import json

from common import HERE, RESULTS

TITLES = {
    "log_append": "Durable appends (`log_append.py`)",
    "log_read": "Reading, folding, delivery (`log_read.py`)",
    "rebuild": "Rebuild of all projections (`rebuild.py`)",
    "time_travel": "Reading as of any position (`time_travel.py`)",
    "http_api": "The HTTP API under 64 clients (`http_api.py`)",
    "http_auth": "Saying who asks, and being counted (`http_auth.py`)",
    "http_events": "Subscribers of one live run (`http_events.py`)",
    "dashboard": "The dashboard over a long log, in Chromium (`dashboard.py`)",
    "selection_lab_off_policy": "95 % intervals for a policy's mean loss, from 200 logs of 300 decisions of another (`selection_lab.py`)",
    "selection_lab_sequential": "A/B tests looked at after every outcome, of 1,000 (`selection_lab.py`)",
    "engine_runs": "One trivial task through the whole engine (`engine_runs.py`)",
    "loop_blocked": "Event loop blocked (`loop_blocked.py`)",
    "procedures": "A solver in a process of its own, per call (`procedures.py`)",
    "selection_offline": "Algorithm selection on ASlib scenarios: share of the gap closed (`selection_offline.py`)",
    "qap_bounds": "Lower bounds on QAPLIB, percent below the best known value (`qap_bounds.py`)",
    "qap_many": "A thousand random QAPs of twelve facilities in one `submit_many` (`qap_many.py`)",
    "qap_quality_10s": "QAPLIB through the engine, ten seconds (`qap_quality.py 10`; the sums, then every instance missed once)",
    "qap_quality_1s": "QAPLIB through the engine, one second (`qap_quality.py 1`)",
    "qap_quality_60s": "The two hardest, sixty seconds (`qap_quality.py 60 --only tai80a,tai100a --solver qap.aggressive`)",
    "qap_quality_10s_hard": "Hard ones, ten seconds, nine seeds (`qap_quality.py 10 --seeds 9 --suffix _hard --solver qap.aggressive --only …`)",
    "qap_kernels": "Swap evaluations per CPU-second of the tabu kernel and of SIMD C (`qap_kernels.py`)",
    "qap_cold_start": "A fresh process to its first solution of nug30 (`qap_cold_start.py`)",
    "selection_online": "ASlib online: part of the gap to the best solver for each instance that is closed (`selection_online.py`)",
    "selection_online_orders": "The same over twelve other orders (`selection_online.py --orders 12 --first 40 --only single_best,default --suffix _orders`)",
    "selection_online_shadow": "The same with shadow runs of every solver on a tenth of the instances (`selection_online.py --shadow 0.1 --suffix _shadow`)",
    "selection_latency": "A decision among 20 solvers by 150 features, CPU time (`selection_latency.py`)",
    "qap_small_5s": "QAPLIB, n ≤ 40, five seconds (`qap_small.py`)",
    "selection_qap": "QAPLIB at two seconds: policies against every single solver, percent above each instance's best (`selection_qap.py`)",
    "shadow_latency": "What users feel of shadow runs, every request shadowed (`shadow_latency.py`)",
    "selection_ratings": "A hundred thousand outcomes folded into what policies read (`selection_ratings.py`)",
    "selection_drift": "How far ratings drift over orders of the same 1,000 games, ASlib (`selection_ratings.py`)",
}
MARK = "<!-- tables: written by table.py -->"


def shown(value: object) -> str:
    """Four significant digits, and no exponents."""
    if isinstance(value, float):
        digits = f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
        return "0" if value == 0 else digits
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)


def table(name: str, title: str) -> str:
    """One result file as a Markdown table."""
    kept = json.loads((RESULTS / f"{name}.json").read_text())
    columns = list(dict.fromkeys(key for row in kept["rows"] for key in row))
    lines = [f"### {title}", "", f"{kept['machine']}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(shown(row.get(column)) for column in columns)} |" for row in kept["rows"]]
    return "\n".join(lines)


def main() -> None:
    """Replace everything after the mark."""
    readme = HERE / "README.md"
    head = readme.read_text().split(MARK)[0]
    tables = [table(name, title) for name, title in TITLES.items() if (RESULTS / f"{name}.json").exists()]
    readme.write_text(head + MARK + "\n\n" + "\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
