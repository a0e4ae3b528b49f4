"""What saying who asks, and being counted, adds to a request: API key, access token and session against the open server.

usage: python benchmarks/http_auth.py [SECONDS [ROUNDS]]

Two servers of the same log run side by side, one open, one with accounts and its usual limits raised out of the way (each request is
counted by the same policies); the kinds take turns within each round, so that what else the machine does meets all of them.
"""

import sys
from pathlib import Path

import anyio
from common import folder, median, report
from served import fill, load, mezan

from mezan.api.accounts.door import Door
from mezan.api.accounts.open import open_accounts
from mezan.api.limits.logins import Logins

RUNS = 1_000
BAR_MS = 0.3
PATH = "/leaderboard"
FAST = ("requests=1000000/s token-bucket", "solving=1000000/s token-bucket", "project=1000000/s token-bucket")
Header = tuple[str, str]


async def credentials(db: Path) -> dict[str, Header]:
    """An API key, a token and a session's cookie of somebody who may read."""
    async with open_accounts(f"sqlite:///{db}") as accounts:
        door = Door(accounts, Logins())
        issued = await accounts.issue_key("bench", role="viewer")
        user = await accounts.add_user("reader", role="viewer")
        token = await door.grants.for_user(user, lifetime=86_400, renewable=False)
        opened = await door.sessions.open(user)
    return {
        "API key": ("authorization", f"Bearer {issued.text}"),
        "JWT": ("authorization", f"Bearer {token.access_token}"),
        "session": ("cookie", f"mezan_session={opened.cookie}"),
    }


def measured(port: int, pid: int, header: Header | None, seconds: float) -> dict[str, float]:
    """One client, one request at a time: its median latency, and the server's CPU time for each request."""
    row = load(port, pid, [("GET", PATH, None, dict([header] if header else []))], clients=1, seconds=seconds)
    return {"p50_ms": row["p50_ms"], "cpu_ms": row["server_cpu_us"] / 1e3}


def main() -> None:
    """Measure, print, keep; exit with 1 where a kind costs more than the bar."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    found: dict[str, list[dict[str, float]]] = {}
    with folder() as path:
        open_, secured = path / "open.db", path / "secured.db"
        for db in (open_, secured):
            anyio.run(fill, f"sqlite:///{db}", RUNS)
        shown: dict[str, Header | None] = {"open server": None, **anyio.run(credentials, secured)}
        limits = [word for rule in FAST for word in ("--limit", rule)]
        with mezan(open_) as plain, mezan(secured, *limits) as guarded:
            for turn in range(rounds + 1):  # the first warms both up
                for kind, header in shown.items():
                    row = measured(*(plain if header is None else guarded), header, seconds if turn else 1.0)
                    found.setdefault(kind, []).extend([row] if turn else [])
    rows: list[dict[str, object]] = []
    base = found["open server"]
    for kind, measurements in found.items():
        more = {name: [one[name] - at[name] for one, at in zip(measurements, base, strict=True)] for name in base[0]}
        rows.append(
            {
                "what": f"GET {PATH}, {kind}",
                **{name: median([one[name] for one in measurements]) for name in base[0]},
                **{f"added_{name}": median(values) for name, values in more.items()},
            }
        )
    report("http_auth", rows)
    dearest = max(float(str(row["added_p50_ms"])) for row in rows)
    print(f"\nadded at p50 at most {dearest:.3f} ms; bar {BAR_MS} ms: {'met' if dearest <= BAR_MS else 'NOT met'}")
    sys.exit(dearest > BAR_MS)


if __name__ == "__main__":
    main()
