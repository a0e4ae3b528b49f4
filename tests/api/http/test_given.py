"""Answers that are kept: the same question at the same position, within a bound of bytes."""

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from mezan.api.http.given import LARGEST, Answers

ASKED = st.tuples(st.sampled_from(["/runs", "/leaderboard"]), st.sampled_from(["", "limit=5"]), st.integers(0, 3))


def request(path: str, query: str) -> Request:
    headers = [(b"host", b"localhost")]
    return Request({"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": headers})


@given(st.lists(st.tuples(ASKED, st.integers(1, 60)), max_size=30))
def test_what_comes_back_is_what_was_kept(given_answers) -> None:
    """An answer is that of its own path, query and position, or none; the latest is always there, and the bytes stay bounded."""
    answers, model = Answers(100), {}
    for (path, query, position), size in given_answers:
        body = f"{path}?{query}@{position}".encode().ljust(size, b" ")[:100]
        if answers.get(request(path, query), position) is None:
            model[path, query, position] = body
            answers.keep(request(path, query), position, body, {"etag": str(position)})
            assert answers.get(request(path, query), position) == (body, {"etag": str(position)})
        found = {key: answers.get(request(*key[:2]), key[2]) for key in model}
        assert all(one is None or one[0] == model[key] for key, one in found.items())
        assert sum(len(one[0]) for one in found.values() if one is not None) <= 100


def test_a_large_answer_is_not_kept() -> None:
    """It would push out many small ones."""
    answers = Answers()
    answers.keep(request("/runs", ""), 1, b" " * (LARGEST + 1), {})
    assert answers.get(request("/runs", ""), 1) is None
