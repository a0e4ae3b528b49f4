"""The marks of solvers as SVG: the same five shapes as in the legends (see `colours`)."""


def shape(mark: str, x: float, y: float, r: float) -> str:
    """An element centred at (x, y), about as large as a circle of radius r; it is painted by ``currentColor``."""
    if mark == "square":
        return _polygon((x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r))
    if mark == "diamond":
        d = 1.3 * r
        return _polygon((x, y - d), (x + d, y), (x, y + d), (x - d, y))
    if mark == "triangle":
        return _polygon((x, y - 1.2 * r), (x + 1.15 * r, y + 0.9 * r), (x - 1.15 * r, y + 0.9 * r))
    if mark == "cross":
        a, b = 1.2 * r, 0.4 * r
        corners = ((b, a), (b, b), (a, b), (a, -b), (b, -b), (b, -a), (-b, -a), (-b, -b), (-a, -b), (-a, b), (-b, b), (-b, a))  # fmt: skip
        return _polygon(*((x + dx, y + dy) for dx, dy in corners))
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="currentColor"/>'


def _polygon(*points: tuple[float, float]) -> str:
    return f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" fill="currentColor"/>'
