"""How a server is bound, by which names and with which certificate; clients with keys; sockets of browsers."""

import datetime as dt
import ipaddress
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from secured import KNAPSACK, PASSWORD, Secured, secured
from serving import Server, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from mezan.api.client import AsyncClient, Client, RequestRefused
from mezan.solvers.errors import BadInput

from ..conftest import CLI


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("serving") / "house.db", "--limit", "login=off") as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path) -> CLI:
    return CLI(tmp_path, tmp_path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_is_bound_elsewhere_with_accounts_only(cli: CLI, host: str) -> None:
    """Without accounts, or with --no-accounts, an address that others can reach is refused, with what to do."""
    cli("serve", "--host", host).refused("this machine only", "mezan users add")
    assert cli("users", "add", "ann", "--role", "admin").code == 0
    cli("serve", "--host", host, "--no-accounts").refused("this machine only", "--no-accounts")


def test_every_address_needs_a_name(cli: CLI) -> None:
    """A server on all addresses must know its names, or any name could be led to it."""
    cli("serve", "--host", "0.0.0.0", "--accounts").refused("--host-name")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tls-cert", "a.pem"), ("together",)),
        (("--tls-cert", "a.pem", "--tls-key", "b.pem"), ("PEM",)),
        (("--accounts", "--limit", "requests"), ("--limit", "NAME=TEXT")),
        (("--accounts", "--limit", "requests=lots"), ("AMOUNT/PERIOD",)),
        (("--accounts", "--quota", "everybody=runs=1"), ("actor or project",)),
        (("--accounts", "--quota", "actor=2"), ("runs=N",)),
    ],
)
def test_wrong_options_are_one_line(cli: CLI, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Each says the rule."""
    cli("serve", "--port", "0", *options).refused(*words)


def test_an_open_server_says_so(tmp_path: Path) -> None:
    """Without accounts everybody may everything, and the server prints it; --accounts lets nobody in, and prints that."""
    with serving(tmp_path / "open.db") as server:
        assert "open to every program on this machine" in server.log.read_text()
        assert httpx.get(f"{server.url}/runs").status_code == 200
        assert httpx.get(f"{server.url}/accounts/users").status_code == 404
    with serving(tmp_path / "closed.db", "--accounts") as server:
        assert "nobody can log in yet" in server.log.read_text()
        assert httpx.get(f"{server.url}/runs").status_code == 401


def test_takes_requests_for_its_names_only(tmp_path: Path) -> None:
    """A further name is answered for once it is given; a foreign one is refused, and that is recorded."""
    with secured(tmp_path / "named.db", "--host-name", "mezan.example") as house, house.client("viewer") as http:
        assert http.get("/runs", headers={"host": "mezan.example"}).status_code == 200
        assert http.get("/runs", headers={"host": "evil.example"}).json()["type"] == "/problems/wrong-host"


def test_the_address_of_a_caller_is_the_connections(house: Secured) -> None:
    """What a caller says about where it comes from is not believed."""
    with house.client() as http:
        http.get("/runs", headers={"x-forwarded-for": "203.0.113.7", "forwarded": "for=203.0.113.7"})
    with house.client("viewer") as http:
        assert http.post("/runs/x/cancel", headers={"x-forwarded-for": "203.0.113.7"}).status_code == 403
    with house.client("admin") as admin:
        assert {d["address"] for d in admin.get("/accounts/denials").json()["latest"]} == {"127.0.0.1"}


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mezan")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
    made = made.add_extension(names, critical=False)
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def test_tls_makes_cookies_of_this_host_only(tmp_path: Path) -> None:
    """Under TLS the session's cookie is Secure and __Host-; one that was set without is no session."""
    certificate, key = _certificate(tmp_path)
    with secured(tmp_path / "tls.db", "--tls-cert", str(certificate), "--tls-key", str(key)) as house:
        assert house.server.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=house.server.url, timeout=20, verify=trust) as http:
            answer = http.post("/login", data={"login": "viewer-user", "password": PASSWORD})
            cookies = {c.partition("=")[0]: c.lower() for c in answer.headers.get_list("set-cookie")}
            assert set(cookies) == {"__Host-mezan_session", "__Host-mezan_csrf"}
            assert all("secure" in cookie for cookie in cookies.values())
            assert http.get("/accounts/me").json()["name"] == "viewer-user"
            planted = http.cookies["__Host-mezan_session"]
        with httpx.Client(base_url=house.server.url, timeout=20, verify=trust) as http:
            assert http.get("/runs", headers={"cookie": f"mezan_session={planted}"}).status_code == 401


def test_clients_bring_a_key(house: Secured) -> None:
    """Both clients send it with each call, and its refusals are typed."""
    with Client(house.server.url, api_key=house.keys["default", "operator"]) as client:
        run = client.submit(KNAPSACK)
        assert client.result(run.run, wait=20).objective == 22
        with pytest.raises(RequestRefused) as refused:
            client.rebuild("elo")
        assert (refused.value.code, refused.value.status) == ("forbidden", 403)
    with Client(house.server.url) as client, pytest.raises(RequestRefused) as refused:
        client.policies()
    assert (refused.value.code, refused.value.status) == ("unauthenticated", 401)
    with pytest.raises(BadInput):
        Client(house.server.url, api_key="two\r\nlines")

    async def other() -> int:
        async with AsyncClient(house.server.url, api_key=house.keys["north", "viewer"]) as client:
            return len([run async for run in client.runs()])

    assert anyio.run(other) == 0


def test_a_clients_key_stays_with_its_server() -> None:
    """A link that leads to another host is followed without it."""
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("authorization")))
        link = {"link": '<http://elsewhere.example/runs>; rel="next"'} if len(seen) == 1 else {}
        return httpx.Response(200, json={"runs": [], "more": False, "before": None}, headers=link)

    with Client("http://here.example", api_key="mzn_x.y", transport=httpx.MockTransport(answer)) as client:
        assert list(client.runs()) == []
    assert seen == [("here.example", "Bearer mzn_x.y"), ("elsewhere.example", None)]


def test_sockets_take_keys_and_the_sessions_of_our_own_pages(house: Secured) -> None:
    """A WebSocket is refused at the handshake without credentials, from another origin, and of another project."""
    with house.client("operator") as http:
        run = http.post("/solve", json=KNAPSACK, headers={"prefer": "wait=20"}).json()["run"]
    address = f"ws{house.server.url[4:]}/runs/{run}/events"
    key = {"authorization": f"Bearer {house.keys['default', 'viewer']}"}
    with connect(address, additional_headers=key) as socket:
        assert [json.loads(text)["type"] for text in socket][-1] == "RunCompleted"
    with pytest.raises(InvalidStatus) as refused, connect(address):
        pass
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["type"] == "/problems/unauthenticated"
    with house.login("viewer-user") as http:
        cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in http.cookies.items())}
        with connect(address, additional_headers=cookie, origin=house.server.url) as socket:
            assert len(list(socket)) > 5
        with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=cookie):
            pass
        assert refused.value.response.status_code == 403
        with (
            pytest.raises((InvalidStatus, ConnectionClosed)),
            connect(address, additional_headers=cookie, origin="https://elsewhere.example"),
        ):
            pass
    theirs = {"authorization": f"Bearer {house.keys['north', 'viewer']}"}
    with pytest.raises(InvalidStatus) as refused, connect(address, additional_headers=theirs):
        pass
    assert refused.value.response.status_code == 403  # a close before the handshake, as for a run that never was


def test_runs_of_every_project_go_on_though_nobody_of_it_asks(tmp_path: Path) -> None:
    """After SIGTERM and a new start the run of another project ends by itself."""
    slow = {"type": "qap", "A": [[0, 1, 9], [1, 0, 4], [7, 4, 0]], "B": [[0, 5, 2], [5, 0, 3], [2, 9, 0]]}
    asked = slow | {"iterations": 20_000, "time_limit": 60, "solver": "qap.tabu"}
    with secured(tmp_path / "house.db") as house:
        with house.client("operator", "north") as http:
            run = http.post("/solve", json=asked).json()["run"]
        house.server.stop()
        theirs = CLI(tmp_path, tmp_path / "cache")
        database = str(tmp_path / "house.projects" / "north.db")
        assert theirs("show", run, "--json", "--db", database).json["status"] in {"requested", "running"}
        again = Server(house.server.db).start()
        try:
            assert theirs("watch", run, "--db", database).code == 0
        finally:
            again.stop()
        assert theirs("show", run, "--json", "--db", database).json["status"] == "completed"


def test_two_servers_count_together(tmp_path: Path) -> None:
    """With --shared-limits two servers of one database grant one limit between them, and their headers agree."""
    options = ("--shared-limits", "--limit", "requests=6/hour fixed-window for=key")
    with secured(tmp_path / "house.db", *options) as house, serving(house.server.db, *options) as other:
        key = {"authorization": f"Bearer {house.keys['default', 'viewer']}"}
        with httpx.Client(headers=key, timeout=20) as http:
            answers = [http.get(f"{url}/runs") for _ in range(4) for url in (house.server.url, other.url)]
    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [429] * 2
    assert [int(answer.headers["ratelimit-remaining"]) for answer in answers] == [5, 4, 3, 2, 1, 0, 0, 0]
