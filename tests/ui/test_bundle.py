"""The built UI is what its sources make, small, and safe by construction."""

from __future__ import annotations

import filecmp
import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.ui import DIST, HASH, ROOT, UI, source_hash

SOURCES = sorted((UI / "src").rglob("*.ts*"))
CSS = (UI / "src" / "style" / "tokens.css").read_text()


def test_dist_is_built_from_these_sources() -> None:
    built = (DIST / HASH).read_text().strip()
    assert built == source_hash(), "ui/ has changed since it was built: run `make ui`, commit"


@pytest.mark.timeout(300)
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("there is no Node here; where there is, the UI is built again and compared")
    if not os.environ.get("CI") and not (UI / "node_modules").is_dir():
        pytest.skip("ui/node_modules is not installed: `make ui` does it; CI always compares")
    again = tmp_path / "dist"
    script = f"from pathlib import Path; from tools.ui import build; build(Path({str(again)!r}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=300)
    names = sorted(p.relative_to(again).as_posix() for p in again.rglob("*") if p.is_file())
    kept = sorted(p.relative_to(DIST).as_posix() for p in DIST.rglob("*") if p.is_file())
    assert names == [name for name in kept if name != HASH]
    _, differing, errors = filecmp.cmpfiles(again, DIST, names, shallow=False)
    assert (differing, errors) == ([], [])


def test_first_route_is_small() -> None:
    assert _packed(_reached(_entry())) <= 110_000


def test_every_route_is_small() -> None:
    chunks = list((DIST / "assets").glob("*.js"))
    entry = _reached(_entry())
    for chunk in chunks:
        assert _packed(entry | _reached(chunk.name)) <= 180_000, chunk.name
    assert sum(p.stat().st_size for p in DIST.rglob("*") if p.is_file()) <= 2_500_000


def test_nothing_comes_from_elsewhere() -> None:
    for path in [*(DIST / "assets").iterdir(), DIST / "index.html", DIST / "theme.js"]:
        found = re.findall(r"https?://[\w./-]+", path.read_text())
        assert {url for url in found if not url.startswith("http://www.w3.org/")} == set(), path


def test_no_script_stands_in_the_page() -> None:
    page = (DIST / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", page) == []
    assert "style=" not in page


def test_html_is_never_made_of_text() -> None:
    for path in SOURCES:
        text = path.read_text()
        for forbidden in ("dangerouslySetInnerHTML", "innerHTML", "outerHTML", "insertAdjacent"):
            assert forbidden not in text, f"{forbidden} in {path.relative_to(ROOT)}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_states_have_contrast(theme: str) -> None:
    token = _tokens(theme)
    for surface in ("--bg", "--surface", "--sunken"):
        for name in ("--text", "--muted", "--faint", "--accent"):
            assert _contrast(token[name], token[surface]) >= 4.5, (name, surface)
    for name, colour in token.items():
        if name.startswith("--t-"):
            assert _contrast(colour, token["--surface"]) >= 4.5, name
        if name.startswith("--s-"):
            assert _contrast(colour, token["--surface"]) >= (2.7 if "none" in name else 3), name
    assert _contrast(token["--on-accent"], token["--accent"]) >= 4.5
    assert _contrast(token["--line-strong"], token["--surface"]) >= 3


def test_both_dark_themes_are_one() -> None:
    chosen = re.search(r'\[data-theme="dark"\] \{(.*?)\n  \}', CSS, re.DOTALL)
    system = re.search(r':not\(\[data-theme="light"\]\) \{(.*?)\n    \}', CSS, re.DOTALL)
    assert chosen is not None
    assert system is not None
    assert chosen[1].split() == system[1].split()


def _entry() -> str:
    found = re.search(r'type="module"[^>]*src="/assets/([^"]+)"', (DIST / "index.html").read_text())
    assert found is not None
    return found[1]


def _reached(name: str) -> set[str]:
    """Return a chunk and what it imports at once."""
    found, queue = {name}, [name]
    while queue:
        text = (DIST / "assets" / queue.pop()).read_text()
        for match in re.finditer(r'(?:from|import)\s*"\./([\w.-]+\.js)"', text):
            if match[1] not in found:
                found.add(match[1])
                queue.append(match[1])
    return found


def _packed(names: set[str]) -> int:
    return sum(len(gzip.compress((DIST / "assets" / name).read_bytes(), 9)) for name in names)


def _tokens(theme: str) -> dict[str, str]:
    light = re.search(r":root \{(.*?)\n  \}", CSS, re.DOTALL)
    dark = re.search(r'\[data-theme="dark"\] \{(.*?)\n  \}', CSS, re.DOTALL)
    assert light is not None
    assert dark is not None
    pairs = re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", light[1])
    if theme == "dark":
        pairs += re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", dark[1])
    return dict(pairs)


def _contrast(one: str, other: str) -> float:
    lights = sorted((_light(one), _light(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
