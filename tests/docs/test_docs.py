"""Every setting and command is documented, links lead somewhere, examples parse."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools import reference
from tradewind.config import settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize(
    ("name", "written"),
    [("configuration.md", reference.configuration), ("cli.md", reference.commands)],
)
def test_references_are_current(name: str, written: object) -> None:
    assert callable(written)
    found = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert found == written(), f"docs/{name} is out of date; run `make reference`"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert not [s.name for s in settings() if f"`{s.key}`" not in page]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    assert not [t for t in targets if not (page.parent / t).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_examples_parse(page: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        ast.parse(code)


def test_every_setting_is_read_somewhere() -> None:
    """A setting that nothing looks at would be a promise that nobody keeps."""
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "src" / "tradewind").rglob("*.py")
        if path.parent.name != "config"
    )
    read = set(re.findall(r"\.(\w+)", source))
    assert {s.name for s in settings() if s.attribute not in read} == set()
