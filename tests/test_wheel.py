"""The wheel: what is in it, and that it solves beside a user's own package called `api`."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOMES = {"api": "api", "engine": "engine", "projections": "projections", "solvers": "solvers", "alembic": "migrations"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, so that nothing left in `build/` can slip in.

    The lock brings the build backend, so that no network is needed; an older environment fetches it.
    """
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in HOMES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    has_backend = int(version("setuptools").split(".")[0]) >= 77
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", *["--no-isolation"] * has_backend, "--outdir", str(out), str(source)],
        check=True, capture_output=True, timeout=200,
    )  # fmt: skip
    (built,) = out.iterdir()
    return built


def test_the_wheel_holds_mezan_and_nothing_else(wheel: Path) -> None:
    """Every source file under its new home, the markers and the migrations; no generic top-level name."""
    names = set(zipfile.ZipFile(wheel).namelist())
    top = {name.split("/")[0] for name in names}
    assert top == {"mezan", next(t for t in top if t.endswith(".dist-info"))}
    expected = {
        f"mezan/{home}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, home in HOMES.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == expected
    assert {f"mezan/{home}/py.typed" for home in ("api", "engine", "projections", "solvers")} <= names
    assert "mezan/migrations/script.py.mako" in names
    assert any(name.startswith("mezan/migrations/versions/") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_solves_beside_a_package_called_api(wheel: Path, tmp_path: Path) -> None:
    """Installed into an empty environment it makes a database and solves, while `import api` is the user's own.

    The environment borrows its third-party packages from this one (a folder of links, without any `mezan`), so that the test
    needs no network; mezan itself comes from the wheel, which is checked module by module.
    """
    venv, borrowed, work = tmp_path / "venv", tmp_path / "borrowed", tmp_path / "work"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=60)
    python = venv / "bin/python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "mezan" not in entry.name and entry.suffix != ".pth":
            (borrowed / entry.name).symlink_to(entry)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(f"{borrowed}\n")
    (work / "api").mkdir(parents=True)
    (work / "api/__init__.py").write_text("WHO = 'the user'\n")
    (work / "app.py").write_text(
        "import sys, anyio, api\n"
        "from mezan.api import open_engine\n"
        "from mezan.solvers.qap import QAP\n"
        "async def main():\n"
        "    async with open_engine('sqlite:///app.db') as engine:\n"
        "        run = await engine.submit(QAP.from_qaplib('nug12.dat'), iterations=50, seed=1)\n"
        "        print(api.WHO, (await run.result()).gap)\n"
        "anyio.run(main)\n"
        f"here = {str(site)!r}\n"
        "loaded = [m for n, m in sys.modules.items() if n.startswith('mezan.') and getattr(m, '__file__', None)]\n"
        "assert len(loaded) > 20 and all(m.__file__.startswith(here) for m in loaded), loaded\n"
    )
    for name in ("nug12.dat", "nug12.sln"):
        shutil.copy(ROOT / "tests/data/qap" / name, work / name)
    done = subprocess.run([python, "app.py"], cwd=work, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    who, gap = done.stdout.rsplit(" ", 1)
    assert who == "the user"
    assert 0 <= float(gap) < 15
    shown = subprocess.run(
        [venv / "bin/mezan", "runs", "--db", "app.db"], cwd=work, capture_output=True, text=True, timeout=60, check=True
    )
    assert "completed" in shown.stdout
    assert "nug12" in shown.stdout
