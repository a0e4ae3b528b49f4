"""Lines, keys, and what the command refuses before the protocol begins."""

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezan.api.client import RequestRefused
from mezan.api.mcp.lines import TooLong, bounded_lines
from mezan.api.mcp.on_server import checked_key, connected
from mezan.solvers.errors import BadInput

LIMIT = 50
TEXT = st.text(alphabet='ab{}":,\r', max_size=120).map(str.encode)


@given(lines=st.lists(TEXT, max_size=8), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_lines_are_those_that_were_written(lines, cuts) -> None:
    """However the bytes arrive: short lines as they are, long ones by their length only; an unfinished last line counts."""
    content, chunks, i = b"\n".join(lines), [], 0
    while content:
        size = cuts[i % len(cuts)]
        chunks.append(content[:size])
        content, i = content[size:], i + 1
    expected = b"\n".join(lines).split(b"\n")
    last = expected.pop()
    wanted = [line if len(line) <= LIMIT else len(line) for line in expected]
    wanted += [last] if 0 < len(last) <= LIMIT else []
    pipe = _Chunks(chunks)
    got = list(bounded_lines(pipe.read_end, LIMIT))
    assert [line.length if isinstance(line, TooLong) else line for line in got] == wanted


class _Chunks:
    """The read end of a pipe into which chunks are written one by one."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.read_end, write_end = os.pipe()

        def write() -> None:
            for chunk in chunks:
                os.write(write_end, chunk)
            os.close(write_end)

        threading.Thread(target=write).start()

    def __del__(self) -> None:
        os.close(self.read_end)


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        (b'{"jsonrpc":"2.0","id":12,"method":"m","params":{"x":"%s","id":3}}', 12),
        (b'{"id": "a-1", "method":"m","params":"%s"}', "a-1"),
        (b'{"method":"m","params":{"x":"%s","id":3},"jsonrpc":"2.0","id":4}', 4),
        (b'{"method":"m","params":{"x":"%s","id":3}}', None),
        (b'{"jsonrpc":"2.0","params":"%s"}', None),
    ],
)
def test_the_id_of_a_long_request_is_found_where_senders_write_it(line, id_) -> None:
    """First or last in the object; an id inside of the parameters is not the request's."""
    pipe = _Chunks([line.replace(b"%s", b"x" * 5_000), b"\n"])
    (found,) = bounded_lines(pipe.read_end, LIMIT)
    assert isinstance(found, TooLong)
    assert found.id == id_


@pytest.mark.parametrize(
    ("url", "key", "word"),
    [
        ("http://mezan.example:8000", "mzn_abc.def", "in clear"),
        ("http://127.0.0.1.example.org", "mzn_abc.def", "in clear"),
        ("https://mezan.example", "mzn_abc.d\nef", "MEZAN_API_KEY"),
        ("https://mezan.example", "mzn abc", "MEZAN_API_KEY"),
        ("https://mezan.example", "", "MEZAN_API_KEY"),
        ("https://mezan.example", "x" * 9_000, "MEZAN_API_KEY"),
    ],
)
def test_a_key_that_would_be_seen_or_broken_is_not_sent(url, key, word) -> None:
    """And the message does not hold it."""
    with pytest.raises(BadInput, match=word) as refused:
        checked_key(url, key)
    assert not key or key not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://mezan.example", "http://127.0.0.1:8000", "http://[::1]:1", "http://localhost"]
)
def test_a_key_goes_to_this_machine_or_over_tls(url) -> None:
    """Nothing else is asked of it."""
    assert checked_key(url, "mzn_abc.def") == "mzn_abc.def"


@pytest.mark.anyio
async def test_the_key_is_sent_with_every_request() -> None:
    """As a bearer token; what a server says of a bad one reaches the caller as its one line."""
    seen: list[str | None] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["authorization"])
            body = b'{"type": "/errors/unauthenticated", "detail": "a request must carry a valid key"}'
            self.send_response(401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        async with connected(f"http://127.0.0.1:{server.server_port}", "mzn_abc.def") as backend:
            with pytest.raises(RequestRefused, match="valid key"):
                await backend.families()
            with pytest.raises(RequestRefused):
                await backend.run("x", None)
        server.shutdown()
    assert seen == ["Bearer mzn_abc.def"] * 2


def test_the_command_refuses_in_one_line(cli) -> None:
    """On standard error, with 2, before a word of the protocol."""
    cli("mcp", "--server", "http://127.0.0.1:1", "--db", "x.db").refused("--server and --db")
    cli("mcp", "--server", "nowhere").refused("http://127.0.0.1:8000")
    cli("mcp", "--server", "http://far.example", env={"MEZAN_API_KEY": "mzn_a.b"}).refused("in clear")
    cli("mcp", "--files", "missing").refused("--files", "missing")
    cli("mcp", "--max-time", "0").refused("--max-time")
    (cli.folder / "other.db").write_bytes(b"not a database" * 100)
    cli("mcp", "--db", "other.db").refused("other.db")


def test_a_missing_extra_is_named(cli) -> None:
    """As for the other doors."""
    code = "import sys; sys.modules['mcp'] = None; from mezan.api.cli.main import main; sys.exit(main(['mcp']))"
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cli.folder,
        env=cli.env,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'mezan[mcp]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_input_at_once_is_an_end(cli) -> None:
    """A client that leaves before it has said anything is no error."""
    done = cli("mcp")
    assert (done.code, done.out) == (0, "")
