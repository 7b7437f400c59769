from __future__ import annotations

import pytest

from tradewind.errors import DagError
from tradewind.processor.ignore import Rules, read_patterns


def ignores(text: str, path: str, *, folder: bool = False, base: str = "") -> bool:
    return Rules(tuple(read_patterns(text, base=base))).ignores(path, folder=folder)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("helper.py", "helper.py", True),
        ("helper.py", "deep/down/helper.py", True),
        ("helper.py", "my_helper.py", False),
        ("/helper.py", "helper.py", True),
        ("/helper.py", "deep/helper.py", False),
        ("lib/helper.py", "lib/helper.py", True),
        ("lib/helper.py", "deep/lib/helper.py", False),
        ("*.txt", "notes.txt", True),
        ("*.txt", "deep/notes.txt", True),
        ("a*c.py", "a/c.py", False),
        ("?.py", "a.py", True),
        ("?.py", "ab.py", False),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("[!ab].py", "c.py", True),
        ("**/tests", "x/y/tests", True),
        ("**/tests", "tests", True),
        ("lib/**", "lib/deep/a.py", True),
        ("lib/**", "lib", False),
        ("lib/**/a.py", "lib/a.py", True),
        ("lib/**/a.py", "lib/x/y/a.py", True),
        ("# a comment", "# a comment", False),
        (r"\#file.py", "#file.py", True),
        (r"\!file.py", "!file.py", True),
        ("name.py   ", "name.py", True),
        ("a+b.py", "a+b.py", True),
    ],
)
def test_globs_mean_what_they_mean_to_git(pattern: str, path: str, expected: bool) -> None:
    assert ignores(pattern, path) is expected


def test_a_final_slash_means_folders_only() -> None:
    assert ignores("build/", "build", folder=True)
    assert not ignores("build/", "build")


def test_the_last_match_decides_and_an_exclamation_mark_takes_back() -> None:
    text = "*.py\n!keep.py\n"
    assert ignores(text, "other.py")
    assert not ignores(text, "keep.py")
    assert ignores("!keep.py\n*.py\n", "keep.py")


def test_patterns_apply_below_the_folder_of_their_file() -> None:
    rules = Rules(tuple(read_patterns("/a.py", base="sub/")))
    assert rules.ignores("sub/a.py", folder=False)
    assert not rules.ignores("sub/deep/a.py", folder=False)


def test_inner_patterns_come_after_outer_ones() -> None:
    outer = Rules(tuple(read_patterns("*.py", base="")))
    inner = outer.within(read_patterns("!mine.py", base="sub/"))
    assert not inner.ignores("sub/mine.py", folder=False)
    assert inner.ignores("sub/other.py", folder=False)


def test_regexps_are_searched_and_may_have_comments() -> None:
    rules = Rules(tuple(read_patterns("project_[ab] # not these\n\n", base="", syntax="regexp")))
    assert rules.ignores("x/project_a/dag.py", folder=False)
    assert not rules.ignores("x/project_c/dag.py", folder=False)


@pytest.mark.parametrize(("text", "syntax"), [("(", "regexp"), ("[z-a]", "glob")])
def test_a_wrong_pattern_is_named(text: str, syntax: str) -> None:
    with pytest.raises(DagError, match="is not a pattern"):
        read_patterns(text, base="sub/", syntax=syntax)
