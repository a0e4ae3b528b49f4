"""Old forms of events: every form that was ever written is read for ever, and a gap in a chain is found at import."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import orjson
import pytest

from mezan.engine import account_events
from mezan.engine import events as ev
from mezan.engine.errors import UnreadableEvent
from mezan.engine.upcast import TYPES, UPCASTERS, check_chains, decode

FOLDER = Path(__file__).parents[1] / "data" / "events"
FIXTURES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_recorded_events_are_read(path):
    """A fixture is one stored event and what it means today: {type, schema, payload, event}."""
    fixture = orjson.loads(path.read_bytes())
    payload = orjson.dumps(fixture["payload"]).decode()
    event = decode(fixture["type"], fixture["schema"], payload)
    assert type(event) is TYPES[fixture["type"]]
    assert event == type(event).model_validate(fixture["event"])
    if fixture["schema"] == type(event).schema_version:
        # writing it again gives the same payload: hashes of copied events stay true
        assert orjson.loads(event.model_dump_json()) == fixture["payload"]


def test_every_form_of_every_type_has_a_fixture():
    """Each schema from the first to the current one."""
    have = {(f["type"], f["schema"]) for f in map(orjson.loads, (path.read_bytes() for path in FIXTURES))}
    assert have == {(name, schema) for name, cls in TYPES.items() for schema in range(1, cls.schema_version + 1)}


def test_every_event_class_is_in_the_union():
    """An event that the log could write but not read would be lost."""
    declared = {
        value
        for value in (*vars(ev).values(), *vars(account_events).values())
        if isinstance(value, type) and issubclass(value, ev.Event) and value is not ev.Event
    }
    assert declared == set(get_args(ev.AnyEvent)) == set(TYPES.values())


def test_the_chains_are_checked_at_import(tmp_path):
    """A type whose schema was raised without an upcaster keeps the module from being imported."""
    script = tmp_path / "raised.py"
    script.write_text(
        "from mezan.engine import events\n"
        "events.RunPlanned.schema_version = 2\n"
        "try:\n    import mezan.engine.upcast\n"
        "except ValueError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert "RunPlanned is at schema 2" in done.stdout


def kind(schema):
    """An event type at some schema."""

    class Invented(ev.Event):
        schema_version = schema
        total: int
        unit: str

    return Invented


def first_to_second(data):
    return {"total": data["sum"]}


def second_to_third(data):
    return {**data, "unit": "s"}


@pytest.mark.parametrize(
    "upcasters",
    [{}, {1: first_to_second}, {2: second_to_third}, {1: first_to_second, 2: second_to_third, 3: second_to_third}],
)
def test_a_chain_with_a_gap_or_too_much_is_refused(upcasters):
    """From each earlier schema, and none beyond."""
    with pytest.raises(ValueError, match=r"upcasters from \[1, 2\] are needed"):
        check_chains({"Invented": kind(3)}, {("Invented", schema): f for schema, f in upcasters.items()})


def test_an_upcaster_of_nobody_is_refused():
    """A type that was renamed must not leave its upcasters behind."""
    with pytest.raises(ValueError, match="Gone"):
        check_chains({}, {("Gone", 1): first_to_second})
    check_chains(TYPES, UPCASTERS)


def test_old_forms_become_new_ones_step_by_step(monkeypatch):
    """Schema 1 through 2 to 3; the current one is read as it is."""
    chain = {("Invented", 1): first_to_second, ("Invented", 2): second_to_third}
    check_chains({"Invented": kind(3)}, chain)
    monkeypatch.setitem(TYPES, "Invented", kind(3))
    for key, function in chain.items():
        monkeypatch.setitem(UPCASTERS, key, function)
    forms = {1: '{"sum":7}', 2: '{"total":7}', 3: '{"total":7,"unit":"s"}'}
    read = [decode("Invented", schema, payload) for schema, payload in forms.items()]
    assert [(event.total, event.unit) for event in read] == [(7, "s")] * 3
    with pytest.raises(UnreadableEvent, match="newer"):
        decode("Invented", 4, "{}")
    for schema, payload in [(1, "{}"), (1, "not json"), (2, '{"total":"x"}'), (3, '{"total":7}'), (3, "not json")]:
        with pytest.raises(UnreadableEvent, match="does not fit"):
            decode("Invented", schema, payload)


def test_a_type_that_is_not_known_says_so():
    """Written by a newer version."""
    with pytest.raises(UnreadableEvent, match="does not know FromTheFuture"):
        decode("FromTheFuture", 1, "{}")
