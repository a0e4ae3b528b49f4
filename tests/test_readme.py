"""The README and the examples do what they say."""

import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from contextlib import nullcontext
from pathlib import Path

import anyio
import pytest
from serving import serving

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SERVED = "http://127.0.0.1:8000"
DOCS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]

pytestmark = pytest.mark.slow


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder with the instance that the README speaks of, and `mezan` on the path."""
    for path in (ROOT / "examples/qaplib").glob("tai25a.*"):
        shutil.copy(path, tmp_path)
    (tmp_path / "bin").mkdir()
    mezan = tmp_path / "bin/mezan"
    mezan.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mezan.api.cli.main "$@"\n')
    mezan.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("MEZAN_DB", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_python_snippets_run(folder: Path, path: Path, capsys) -> None:
    """Each Python block of the README and the docs runs, in order, in one namespace per file."""
    names: dict = {}
    text = path.read_text()
    with serving(folder / "served.db") if SERVED in text else nullcontext() as server:
        for snippet in blocks(text if server is None else text.replace(SERVED, server.url), "python"):
            body = textwrap.indent(snippet, "    ")
            exec(f"async def snippet():\n{body}\n    globals().update(locals())", names)
            anyio.run(names["snippet"])
    if path.name == "README.md":
        assert "RunCompleted" in capsys.readouterr().out
        assert names["result"].gap < 5


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_console_sessions_run_and_print_what_they_show(folder: Path, path: Path) -> None:
    """Each `$` line succeeds, and every line shown below it begins as a printed one does."""
    for block in blocks(path.read_text(), "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=90, check=False)
            assert done.returncode == 0, (command, done.stderr)
            printed = {words[0] for line in done.stdout.splitlines() if (words := line.split())}
            expected = {words[0] for line in shown.splitlines() if (words := line.split())}
            assert expected <= printed, (command, done.stdout)


def test_make_targets_and_links_exist() -> None:
    """What the README tells people to run or read is there."""
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", "\n".join(blocks(README, "sh")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("name", ["solve_qap.py", "many_at_once.py", "clinic_layout.py"])
def test_examples_run(folder: Path, name: str, capsys, monkeypatch) -> None:
    """Each example runs as it stands."""
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    out = capsys.readouterr().out
    assert "identical" in out or "200 solved" in out or "drawn: clinic.svg" in out
