"""Knapsacks that mislead the greedy solver, so that a short history has a clear best solver."""

import httpx

SOLVERS = ("knapsack.dp", "knapsack.greedy")


def trap(i: int) -> dict:
    """Greedy takes the item of most value per weight, after which neither of the others fits; both were better."""
    return {
        "type": "knapsack",
        "name": f"trap{i}",
        "values": [7 + i, 5 + i, 5 + i],
        "weights": [6 + i, 5 + i, 5 + i],
        "capacity": 10 + 2 * i,
    }


def solve_traps(url: str, count: int = 7) -> None:
    """Give each of some traps to both solvers."""
    with httpx.Client(base_url=url, timeout=60) as http:
        for i in range(count):
            for solver in SOLVERS:
                asked = trap(i) | {"solver": solver, "seed": i, "fresh": True, "time_limit": 5}
                assert http.post("/solve", json=asked, headers={"prefer": "wait=60"}).status_code == 200
