"""A benchmark as one HTML file: nothing is fetched, nothing runs; light and dark as the reader's system is."""

from collections.abc import Mapping, Sequence
from typing import Any

from .charts import critical_differences, short, step_chart, text
from .profiles import TAU, Curve

Json = dict[str, Any]
STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2933;--soft:#5b6773;--grid:#e1e6eb;--row:#f5f7f9;
--c0:#0072b2;--c1:#d55e00;--c2:#00835f;--c3:#b5528b;--c4:#a87400;--c5:#8a5a2b;--c6:#6b4fbb;--c7:#1f2933}
@media(prefers-color-scheme:dark){:root{--paper:#12171d;--ink:#e3e8ed;--soft:#9aa7b4;--grid:#2a333d;--row:#1a2129;
--c0:#4aa8e0;--c1:#ff8a4c;--c2:#2ec4a0;--c3:#e39ac5;--c4:#f0b429;--c5:#c9a27e;--c6:#b8a3ff;--c7:#e3e8ed}}
body{background:var(--paper);color:var(--ink);font:15px/1.5 Inter,Helvetica,Arial,sans-serif;max-width:1120px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}p{color:var(--soft);margin:.2rem 0 .8rem;max-width:75ch}
.pair{display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:flex-start}.pair>svg{flex:1 1 440px;max-width:680px}.pair>div{flex:1 1 280px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;white-space:nowrap}th{color:var(--soft);font-weight:500;border-bottom:1px solid var(--grid)}
th:first-child,td:first-child,.left{text-align:left}tbody tr:nth-child(even){background:var(--row)}
svg{width:100%;height:auto;font:12px Inter,Helvetica,Arial,sans-serif}.grid{stroke:var(--grid)}.axis{stroke:var(--soft);fill:none}
.tick,.label{fill:var(--soft)}.curve{fill:none;stroke-width:2}.lead{fill:none;stroke-width:1}.bar{stroke:var(--ink);stroke-width:4;stroke-linecap:round}
.d1{stroke-dasharray:7 3}.d2{stroke-dasharray:2 3}text{stroke:none}
""" + "".join(f".c{i}{{stroke:var(--c{i})}}text.c{i}{{fill:var(--c{i});stroke:none}}" for i in range(8))  # fmt: skip


def page(report: Json) -> str:
    """The text of the file, from :func:`~mezan.api.bench.summary.report`. Names are escaped."""
    opened = report["benchmark"]["opened"]
    order = {entry["solver"]: i for i, entry in enumerate(opened["solvers"])}
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{text(report['name'])}</title><style>{STYLE}</style></head><body>",
        *_head(report, opened),
        "<h2>Solvers</h2>",
        (
            f"<p>Gaps are in percent of the best that is known or was found; solved means within {report['target']:g} %. Times are "
            "seconds of solving without compilation; PAR10 counts a missed target as ten time limits.</p>"
        ),
        _solvers(report["solvers"]),
        *_ranks(report["tests"], order),
        *_profiles(report, order),
        *_pairs(report["tests"]),
        "<h2>Instances</h2><p>Mean gap of each solver in percent; a dash where it refused or failed.</p>",
        _instances(report["instances"], list(order)),
        "<h2>Environment</h2>",
        *_environments(report["benchmark"]),
        "</body></html>\n",
    ]
    return "".join(parts)


def _head(report: Json, opened: Json) -> list[str]:
    budget = opened["budget"]
    work = f", {budget['iterations']} iterations" if budget["iterations"] is not None else ""
    cells = ", ".join(f"{count} {status}" for status, count in report["cells"].items())
    state = "" if report["closed"] else " It is not finished."
    if (jobs := jobs_of(report["benchmark"])) > 1:
        state += f" Up to {jobs} cells ran at a time: their times tell less."
    return [
        f"<h1>{text(report['name'])}</h1>",
        (
            f"<p>{len(opened['solvers'])} {text(opened['family'])} solvers on {len(opened['instances'])} instances with "
            f"{len(opened['seeds'])} seeds, {budget['time_limit']:g} s{work} each: {cells}.{state}</p>"
        ),
    ]


def jobs_of(benchmark: Json) -> int:
    """The most cells that ran at a time."""
    return int(max(benchmark["opened"]["jobs"], *(event["jobs"] for event in benchmark["resumed"]), 1))


def _solvers(rows: Sequence[Json]) -> str:
    head = ("solver", "rank", "solved", "best", "wins", "mean gap", "median gap", "PAR10", "seconds", "failed", "timed out", "refused")  # fmt: skip
    body = [
        (
            row["solver"],
            _number(row["mean_rank"]),
            f"{row['solved']}/{row['cells']}",
            row["best"],
            row["wins"],
            *(_number(row[name]) for name in ("mean_gap", "median_gap", "par10", "seconds")),
            row["failures"],
            row["timeouts"],
            row["refused"],
        )
        for row in rows
    ]
    return table(head, body)


def _ranks(tests: Json, order: Mapping[str, int]) -> list[str]:
    found = tests["friedman"]
    left = (
        f" Not ranked, because they refused an instance: {text(', '.join(tests['left_out']))}."
        if tests["left_out"]
        else ""
    )
    if found is None:
        return [f"<h2>Ranks</h2><p>Two solvers on two instances are needed to compare ranks.{left}</p>"]
    ranks = sorted(found["mean_ranks"].items(), key=lambda entry: entry[1])
    told = "differ" if found["p"] < tests["alpha"] else "are not told apart"
    return [
        "<h2>Ranks</h2>",
        (
            f"<p>Mean ranks of the mean gaps on {tests['instances']} instances. Friedman's test: the solvers {told} "
            f"(chi² = {found['chi2']:.2f}, p = {found['p']:.3g}). A bar joins solvers whose ranks are within Nemenyi's critical "
            f"difference at {tests['alpha']:g}.{left}</p>"
        ),
        "<div class='pair'>",
        critical_differences(found["mean_ranks"], found["critical_difference"], found["groups"], order),
        "<div>",
        table(("solver", "mean rank"), [(name, f"{rank:.3f}") for name, rank in ranks]),
        "</div></div>",
    ]


def _profiles(report: Json, order: Mapping[str, int]) -> list[str]:
    given = report["profiles"]
    charts = (
        (
            "Performance profile: time",
            f"Share of problems solved (within {report['target']:g} %) in at most x times the fastest solver's time.",
            given["time"], "time ratio to the best", (1.0, 2.0, 5.0, 10.0, 100.0),
        ),
        (
            "Performance profile: quality",
            "Share of problems whose result is within a factor x of the best one, of 100 + gap in percent.",
            given["quality"], "quality ratio to the best", (1.0, 1.001, 1.01, 1.1, 1.5),
        ),
        (
            "Runtime distribution",
            f"Share of pairs of a problem and a target gap ({_listed(given['ecdf']['targets'])} %) reached within x seconds.",
            given["ecdf"]["curves"], "seconds of solving", (0.01, 0.1, 1.0, 10.0, 60.0),
        ),
        (
            "Data profile",
            f"Share of problems on which all but {TAU:g} of the distance from the first solution to the reference was closed within x seconds.",
            given["data"], "seconds of solving", (0.01, 0.1, 1.0, 10.0, 60.0),
        ),
    )  # fmt: skip
    parts = []
    for title, note, curves, label, marks in charts:
        drawn = [Curve(curve["solver"], curve["x"], curve["y"]) for curve in curves]
        rows = [(curve.solver, *(f"{curve.at(mark):.2f}" for mark in marks)) for curve in drawn]
        parts += [
            f"<h2>{title}</h2><p>{text(note)}</p><div class='pair'>",
            step_chart(title, drawn, label, order),
            f"<div>{table(('share at x =', *(f'{mark:g}' for mark in marks)), rows)}</div></div>",
        ]
    return parts


def _pairs(tests: Json) -> list[str]:
    head = ("pair", "wins", "losses", "median difference", "effect", "p", "p (Holm)")
    rows = [
        (
            f"{short(pair['first'])} – {short(pair['second'])}",
            pair["wins"],
            pair["losses"],
            *(_number(pair[name]) for name in ("median_difference", "effect", "p", "holm")),
        )
        for pair in tests["wilcoxon"]
    ]
    return [
        (
            "<h2>Pairs</h2><p>Wilcoxon's signed-rank test on the mean gaps of instances, exact, two-sided; p corrected after Holm. "
            "The effect is the rank-biserial correlation: negative where the first is better.</p>"
        ),
        table(head, rows) if rows else "<p>No pairs.</p>",
    ]


def _instances(rows: Sequence[Json], solvers: Sequence[str]) -> str:
    head = ("instance", "size", "reference", *(short(solver) for solver in solvers))
    body = [
        (row["instance"], row["size"], _number(row["reference"]), *(_number(row["gaps"][s]) for s in solvers))
        for row in rows
    ]
    return table(head, body)


def _environments(benchmark: Json) -> list[str]:
    made: list[str] = []
    for spec in [benchmark["opened"]["environment"], *(event["environment"] for event in benchmark["resumed"])]:
        plain = {name: spec[name] for name in ("python", "platform", "cpu", "cores", "revision")}
        rows = {**plain, "devices": ", ".join(spec["devices"]), **spec["packages"], **spec["variables"]}
        shown = table(("", ""), [(name, value) for name, value in rows.items() if value is not None])
        if shown not in made:
            made.append(shown)
    return made


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table; the first column is text, the others figures."""
    top = "".join(f"<th>{text(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
