"""Maximum matchings in graphs that need not be bipartite (Edmonds, "Paths, trees, and flowers", Canadian J. Math. 17, 1965)."""

from collections import deque
from collections.abc import Callable


def maximum_matching(n: int, joined: Callable[[int, int], bool]) -> list[int]:
    """For each of ``n`` vertices its partner, or -1, in a matching with as many pairs as there can be; O(n^3).

    ``joined(i, j)`` says whether two vertices may be paired; it is symmetric.
    """
    near = [[j for j in range(n) if j != i and joined(i, j)] for i in range(n)]
    mate = [-1] * n
    for root in range(n):
        if mate[root] == -1:
            end, parent = _augmenting_path(near, mate, root)
            while end != -1:  # swap the edges along the path
                before = parent[end]
                mate[before], mate[end], end = end, before, mate[before]
    return mate


def _augmenting_path(near: list[list[int]], mate: list[int], root: int) -> tuple[int, list[int]]:
    """An exposed vertex that an alternating path from ``root`` reaches, -1 for none, and each vertex's predecessor."""
    n = len(near)
    parent, base = [-1] * n, list(range(n))
    outer = [False] * n
    outer[root] = True
    queue = deque([root])

    def ancestor(a: int, b: int) -> int:
        """The base of the blossom that an edge between two outer vertices closes."""
        seen = set()
        while True:
            a = base[a]
            seen.add(a)
            if mate[a] == -1:
                break
            a = parent[mate[a]]
        while base[b] not in seen:
            b = parent[mate[base[b]]]
        return base[b]

    def mark(vertex: int, top: int, child: int, blossom: set[int]) -> None:
        while base[vertex] != top:
            blossom.update((base[vertex], base[mate[vertex]]))
            parent[vertex], child = child, mate[vertex]
            vertex = parent[mate[vertex]]

    while queue:
        at = queue.popleft()
        for to in near[at]:
            if base[at] == base[to] or mate[at] == to:
                continue
            if to == root or (mate[to] != -1 and parent[mate[to]] != -1):
                top, blossom = ancestor(at, to), set[int]()
                mark(at, top, to, blossom)
                mark(to, top, at, blossom)
                for vertex in range(n):
                    if base[vertex] in blossom:
                        base[vertex] = top
                        if not outer[vertex]:
                            outer[vertex] = True
                            queue.append(vertex)
            elif parent[to] == -1:
                parent[to] = at
                if mate[to] == -1:
                    return to, parent
                outer[mate[to]] = True
                queue.append(mate[to])
    return -1, parent
