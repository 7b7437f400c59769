"""The text format of Prometheus, version 0.0.4: families of samples as lines.

It knows nothing of what is measured. A family has one type and one help text; a summary's
samples are its quantiles, its sum and its count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isinf, isnan

import msgspec

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Sample(msgspec.Struct, frozen=True):
    """One line: labels and a value. suffix: "", "_sum" or "_count"."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(msgspec.Struct, frozen=True):
    """What is measured under one name. kind: "counter", "gauge" or "summary".

    fresh: of a summary, the single values since the look before, where somebody wants them.
    """

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]
    fresh: tuple[Sample, ...] = ()


def render(families: Iterable[Family]) -> str:
    """Return families as text; one without samples is left out.

    Raises:
        ValueError: a name, or a label's, is not one that Prometheus takes.
    """
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        if not _NAME.fullmatch(family.name):
            raise ValueError(f"{family.name!r} is no name of a metric")
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        lines.append(f"# TYPE {family.name} {family.kind}")
        lines += [_line(family.name, sample) for sample in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f"{_label(k)}={_quoted(v)}" for k, v in sample.labels.items())
    shown = f"{{{labels}}}" if labels else ""
    return f"{name}{sample.suffix}{shown} {_number(sample.value)}"


def _label(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a label")
    return name


def _quoted(value: str) -> str:
    escaped = _escaped(value).replace('"', r"\"")
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _number(value: float) -> str:
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
