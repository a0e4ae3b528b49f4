"""Submit: a form made from the problems' JSON schemas, a gallery, a dry run, and any earlier request with one change.

What is typed belongs to the browser: updates of the page leave it alone. The only figures here are those of a dry run, which
is a fold of the log up to the page's moment.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from mezan.api.accounts.scopes import Scope
from mezan.api.http.asking import OPTION_SCHEMAS
from mezan.api.views.gallery import gallery
from mezan.engine.errors import RunNotFound
from mezan.solvers.catalog import Catalog

from ..colours import colour, mark
from ..forms import Field, field, fields
from ..view import View

PATH, TITLE, TEMPLATE = "/ui/submit", "Submit", "submit.html"
NEEDS = Scope.RUNS_WRITE
FIRST = ("time_limit", "seed")
"""Options that nearly everybody looks at; solver and policy stand beside them."""
CHOSEN = ("policy", "solver", "pans")
"""Options that are chosen from names."""


async def context(view: View) -> Mapping[str, Any]:
    """What there is to fill in; with ``run`` the request of that run is asked for again."""
    engine = view.engine
    shapes = described(engine.catalog)
    names = tuple(shape["name"] for shape in shapes)
    run = view.text("run", most=80)
    if run is not None:
        run = await engine.find(run)
        if not await engine.log.read(stream=run, upto=view.moment.at, limit=1):
            msg = f"run {run} did not exist at position {view.moment.at}; look at a later one"
            raise RunNotFound(msg)
    options = options_asked()
    return {
        "shapes": shapes,
        "chosen": view.choice("family", names, names[0]),
        "run": run,
        "first": [one for one in options if one.name in FIRST],
        "rest": [one for one in options if one.name not in FIRST],
        "policies": [(policy.name, summary(policy)) for policy in engine.policies],
        "helps": {name: OPTION_SCHEMAS[name]["description"] for name in CHOSEN},
        "browser": {
            "families": {shape["name"]: shape["browser"] for shape in shapes},
            "options": [{"name": one.name, "kind": one.kind} for one in options],
        },
    }


@cache
def options_asked() -> tuple[Field, ...]:
    """Options with a field of their own."""
    return tuple(field(name, schema) for name, schema in OPTION_SCHEMAS.items() if name not in CHOSEN)


@cache
def described(catalog: Catalog) -> tuple[Mapping[str, Any], ...]:
    """Every family: its fields, solvers and examples, and what the browser must know of it."""
    return tuple(
        {
            "name": family.name,
            "fields": (asked := fields(family.problem.model_json_schema())),
            "solvers": family.solvers,
            "examples": (shown := gallery(catalog, [family.name])),
            "endings": (*family.suffixes, *family.loaders),
            "browser": {
                "fields": [{"name": one.name, "kind": one.kind, "required": one.required} for one in asked],
                "endings": [*family.suffixes, *family.loaders],
                "examples": {one["name"]: one["body"] for one in shown},
                "sense": family.sense,
                "solvers": {s.name: {"paint": colour(s.name), "mark": mark(s.name)} for s in family.solvers},
            },
        }
        for family in catalog
    )


def summary(policy: object) -> str:
    """The first sentence of a policy's documentation."""
    return (type(policy).__doc__ or "").strip().partition("\n")[0]
