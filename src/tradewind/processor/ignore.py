"""Ignore files: which parts of the DAG folder are not searched for DAGs.

A folder may hold an `.airflowignore` or a `.tradewindignore`; its patterns apply to that
folder and everything below. In glob syntax they mean what they mean in a `.gitignore`
(`!` takes back, a final `/` means folders only, a `/` before the end anchors to the folder of
the ignore file, `**` crosses folders). In regexp syntax a pattern is searched in the path
relative to the ignore file's folder. The last pattern that matches decides, and patterns of
inner folders come after those of outer ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

import msgspec

from tradewind.errors import DagError

AIRFLOW_IGNORE = ".airflowignore"
OWN_IGNORE = ".tradewindignore"


class Pattern(msgspec.Struct, frozen=True):
    """One line of an ignore file. base: folder of the file with a final "/", "" at the top."""

    base: str
    regexp: re.Pattern[str]
    ignore: bool = True
    folders_only: bool = False
    search: bool = False

    def matches(self, path: str, *, folder: bool) -> bool:
        """Tell whether a path (relative to the DAG folder) is meant."""
        if self.folders_only and not folder:
            return False
        inside = path[len(self.base) :]
        if self.search:
            return self.regexp.search(inside) is not None
        return self.regexp.fullmatch(inside) is not None


class Rules(msgspec.Struct, frozen=True):
    """The patterns in force in a folder, outer ones first."""

    patterns: tuple[Pattern, ...] = ()

    def ignores(self, path: str, *, folder: bool) -> bool:
        """Tell whether the path is left out; its parents are taken to be in."""
        for pattern in reversed(self.patterns):
            if pattern.matches(path, folder=folder):
                return pattern.ignore
        return False

    def within(self, patterns: Iterable[Pattern]) -> Self:
        """Return the rules of a folder that has an ignore file of its own."""
        return type(self)((*self.patterns, *patterns))


def read_patterns(text: str, *, base: str, syntax: str = "glob") -> list[Pattern]:
    """Return the patterns of an ignore file.

    Raises:
        DagError: a regular expression is not right.
    """
    patterns = []
    for line in text.splitlines():
        pattern = _regexp(line, base) if syntax == "regexp" else _glob(line, base)
        if pattern is not None:
            patterns.append(pattern)
    return patterns


def _regexp(line: str, base: str) -> Pattern | None:
    text = re.sub(r"\s*#.*", "", line)
    if not text:
        return None
    return Pattern(base, _compiled(text, text, base), search=True)


def _glob(line: str, base: str) -> Pattern | None:
    text = line.rstrip("\r\n")
    stripped = text.rstrip(" ")
    text = stripped + " " if stripped.endswith("\\") and stripped != text else stripped
    if not text or text.startswith("#"):
        return None
    ignore = not text.startswith("!")
    text = text.removeprefix("!")
    if text.startswith(("\\!", "\\#")):
        text = text[1:]
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anchored = "/" in text
    regexp = _translate(text.removeprefix("/"))
    if not anchored:
        regexp = f"(?:.*/)?{regexp}"
    return Pattern(base, _compiled(regexp, text, base), ignore, folders_only)


def _compiled(regexp: str, text: str, base: str) -> re.Pattern[str]:
    try:
        return re.compile(regexp, re.DOTALL)
    except re.error as error:
        where = base or "the DAG folder"
        raise DagError(f"ignore file of {where}: {text!r} is not a pattern ({error})") from error


def _translate(glob: str) -> str:
    """Return the regular expression of a glob."""
    parts = glob.split("/")
    out = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            out += ".+" if last else "(?:.*/)?"
        else:
            out += _translate_part(part) + ("" if last else "/")
    return out


def _translate_part(part: str) -> str:
    out = ""
    position = 0
    while position < len(part):
        char = part[position]
        position += 1
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "\\" and position < len(part):
            out += re.escape(part[position])
            position += 1
        elif char == "[" and (end := part.find("]", position + 1)) > 0:
            chosen = part[position:end].replace("\\", "\\\\")
            negated = chosen.startswith(("!", "^"))
            out += f"[{'^/' if negated else ''}{chosen[1:] if negated else chosen}]"
            position = end + 1
        else:
            out += re.escape(char)
    return out
