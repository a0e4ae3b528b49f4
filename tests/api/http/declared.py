"""Hooks for schemathesis: those of `bounded`, and a check that the scope which an operation declares is what decides."""

import os

import bounded  # noqa: F401 - its hooks
import schemathesis

ROLE = os.environ.get("MEZAN_TEST_ROLE", "")
HELD = set(os.environ.get("MEZAN_TEST_SCOPES", "").split())
BEFORE = {413, 415, 421}
"""Refusals of what cannot be a request, whoever sends it."""
TOKENS = ("/oauth/", "/login")
"""Where credentials are in the body, and may be wrong."""


@schemathesis.check
def the_declared_scope_decides(ctx, response, case):
    """401 for who is unknown, 403 with the scope's name for who has it not, and neither for who has it."""
    if response.request.method.upper() != case.operation.method.upper():
        return  # methods that the document does not have are 405 for everybody
    security = case.operation.definition.raw["security"]
    status, path = response.status_code, case.operation.path
    problem = response.json() if status in {401, 403} else {}
    if not security:
        assert status not in {401, 403} or path.startswith(TOKENS), f"{path} is public and answers {status}"
        return
    declared = {scope for one in security for scopes in one.values() for scope in scopes}
    assert len(declared) <= 1, f"{path} declares {declared}"
    if not ROLE:
        assert status in {401} | BEFORE, f"{path} answers {status} to strangers"
    elif declared <= HELD:
        assert status != 401, f"{path} does not know the {ROLE}"
        assert not declared & {problem.get("scope")}, f"{path} refuses the {ROLE}, who has {declared}"
    else:
        assert status in {403} | BEFORE, f"{path} answers {status} to the {ROLE}, who has not {declared}"
        assert status != 403 or {problem["scope"]} == declared, f"{path} names {problem}"
