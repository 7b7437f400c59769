"""Typed JSON: lossless, closed, and clear about what it refuses."""

from __future__ import annotations

import enum
import json
import math
import socket
import sys
import uuid
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.errors import DagError
from tradewind.sdk import serde, serde_classes

PARIS = ZoneInfo("Europe/Paris")


@dataclass
class Point:
    x: int
    tags: tuple[str, ...] = ()
    norm: float = field(init=False, default=0.0)


class Colour(enum.StrEnum):
    RED = "red"


Pair = namedtuple("Pair", "left right")  # noqa: PYI024  the untyped spelling is common


class Versioned:
    __version__ = 3

    def __init__(self, value: int) -> None:
        self.value = value

    def serialize(self) -> dict[str, Any]:
        return {"value": self.value}

    @staticmethod
    def deserialize(data: dict[str, Any], version: int) -> Versioned:
        return Versioned(data["value"] * version)


class Outer:
    @dataclass
    class Inner:
        at: datetime


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serde_classes, "_folders", [])
    monkeypatch.setattr(serde_classes, "_allowed", [])
    serde.trust_folder(str(Path(__file__).parent))
    if __name__ not in sys.modules:  # pytest's importlib mode may not register it
        module = ModuleType(__name__)
        module.__file__ = __file__
        vars(module).update(globals())
        monkeypatch.setitem(sys.modules, __name__, module)


@pytest.fixture
def untrusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serde_classes, "_folders", [])
    monkeypatch.setattr(serde_classes, "_allowed", [])


def there_and_back(value: Any) -> Any:
    return serde.loads(serde.dumps(value))


zones = st.sampled_from([None, UTC, PARIS, timezone(timedelta(hours=-3))])
leaves = st.deferred(
    lambda: (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5)
        | st.binary(max_size=5)
        | st.decimals(allow_nan=False)
        | st.dates()
        | st.datetimes(timezones=zones)
        | st.timedeltas()
    )
)
hashable = st.deferred(
    lambda: leaves | st.tuples(leaves, leaves) | st.frozensets(leaves, max_size=3)
)
values: st.SearchStrategy[Any] = st.deferred(
    lambda: (
        hashable
        | st.lists(values, max_size=3)
        | st.dictionaries(st.text(max_size=3), values, max_size=3)
        | st.dictionaries(hashable, values, max_size=3)
        | st.tuples(values, values)
        | st.sets(hashable, max_size=3)
    )
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


@settings(max_examples=150, deadline=None)
@given(values)
def test_whatever_goes_in_comes_out(value: Any) -> None:
    data = serde.dumps(value)
    json.loads(data)  # plain JSON for everybody else
    assert same(serde.loads(data), value)


@pytest.mark.parametrize(
    "value",
    [
        time(1, 2, tzinfo=UTC),
        time(1, 2, 3, 4),
        UTC,
        PARIS,
        Path("/tmp/x"),
        PurePosixPath("a/b"),
        bytearray(b"x"),
        complex(1, -2),
        uuid.UUID("7d444840-9dc0-11d1-b245-5ffdce74fad2"),
        Decimal("1.10"),
        {"__classname__": "builtins.eval", "__data__": "1"},
        {"__version__": 1},
        {1: "a", (2, 3): "b"},
        2**80,
        "\x00\ud800",
        date(1, 1, 1),
    ],
    ids=str,
)
def test_kinds(value: Any) -> None:
    assert same(there_and_back(value), value)


def test_nan_and_infinities() -> None:
    found = there_and_back([math.nan, math.inf, -math.inf])
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


def test_a_fold_is_kept() -> None:
    second = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1)
    found = there_and_back(second)
    assert found.fold == 1
    assert found.utcoffset() == timedelta(hours=1)


def test_a_tuple_travels_in_an_envelope() -> None:
    tree = json.loads(serde.dumps((1, 2)))
    assert tree == {"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, 2]}


@pytest.mark.parametrize(
    "value",
    [
        pendulum.datetime(2026, 3, 1, 12, 30, 15, 123456, tz="Europe/Paris"),
        pendulum.datetime(2026, 3, 1),
        pendulum.naive(2026, 3, 1),
        pendulum.duration(years=1, months=2, days=3, seconds=4, microseconds=5),
        pendulum.duration(weeks=2),
        pendulum.date(2026, 3, 1),
        pendulum.time(1, 2, 3),
        pendulum.timezone("Asia/Tokyo"),
        pendulum.interval(pendulum.datetime(2026, 1, 1), pendulum.datetime(2026, 3, 5)),
        pendulum.datetime(2026, 3, 1, tz=pendulum.timezone(7200)),
    ],
    ids=str,
)
def test_pendulum(value: Any) -> None:
    found = there_and_back(value)
    assert type(found) is type(value)
    assert found == value
    assert str(found) == str(value)


def test_a_value_of_pendulums_zone_has_it_again() -> None:
    found = there_and_back(pendulum.datetime(2026, 3, 1, tz="Asia/Tokyo"))
    assert found.timezone_name == "Asia/Tokyo"


def test_subclasses_travel_as_their_base() -> None:
    class Name(str):
        __slots__ = ()

    assert there_and_back([Name("a"), OrderedDict(b=1), deque([1])]) == ["a", {"b": 1}, [1]]


@pytest.mark.usefixtures("trusted")
def test_the_authors_classes_come_back() -> None:
    point = Point(1, ("a",))
    point.norm = 2.0
    assert there_and_back(point) == point
    assert there_and_back(Colour.RED) is Colour.RED
    assert there_and_back(Pair(1, (2,))) == Pair(1, (2,))
    assert type(there_and_back(Pair(1, 2))) is Pair
    assert there_and_back(Versioned(5)).value == 15
    inner = Outer.Inner(datetime(2026, 3, 1, tzinfo=UTC))
    assert there_and_back({"deep": [inner]}) == {"deep": [inner]}


@pytest.mark.usefixtures("untrusted")
def test_a_class_that_is_not_trusted_is_readable() -> None:
    found = there_and_back(Point(1))
    assert isinstance(found, serde.StoredObject)
    assert found == {"x": 1, "tags": (), "norm": 0.0}
    assert found.classname.endswith("test_serde.Point")
    assert there_and_back(Colour.RED) == {"value": "red"}


@pytest.mark.usefixtures("trusted")
def test_a_field_that_is_gone_is_left_out() -> None:
    tree = json.loads(serde.dumps(Point(1)))
    tree["__data__"]["older"] = 5
    assert serde.loads(json.dumps(tree)) == Point(1)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    "classname",
    [
        "builtins.eval",
        "os.system",
        "subprocess.Popen",
        "importlib.import_module",
        f"{__name__}.socket.socket",
        f"{__name__}.sys.exit",
        f"{__name__}.same",
        "this_module_must_not_be_imported.X",
        "",
        ".",
        "x",
    ],
)
def test_no_stored_name_makes_anything_run(classname: str) -> None:
    text = json.dumps({"__classname__": classname, "__version__": 1, "__data__": {"args": "ls"}})
    found = serde.loads(text)
    assert isinstance(found, serde.StoredObject)
    assert "this_module_must_not_be_imported" not in sys.modules


@pytest.mark.usefixtures("untrusted")
def test_the_allow_list_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models_of_a_company.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Order:\n    n: int\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    text = json.dumps(
        {"__classname__": "models_of_a_company.Order", "__version__": 1, "__data__": {"n": 1}}
    )
    assert isinstance(serde.loads(text), serde.StoredObject)
    serde.allow_classes("models_of_a_company.*")
    assert type(serde.loads(text)).__name__ == "Order"
    del sys.modules["models_of_a_company"]


def test_what_cannot_travel_is_named_with_its_place_and_the_fix() -> None:
    with socket.socket() as sock, pytest.raises(DagError) as caught:
        serde.dumps({"rows": [1, {"conn": sock}]}, "the XCom 'return_value'")
    text = str(caught.value)
    assert "['rows'][1]['conn'] of the XCom 'return_value'" in text
    assert "socket.socket" in text
    assert "dataclass" in text


def test_the_place_of_a_dataclass_field() -> None:
    with pytest.raises(DagError, match=r"\[0\]\.x of the value is of type function"):
        serde.dumps([Point(lambda: 1)])  # type: ignore[arg-type]


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(DagError, match="contains itself"):
        serde.dumps(loop, "the XCom 'x'")


def test_pydantic_models_of_an_allowed_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serde_classes, "_allowed", [f"{__name__}.*"])
    model = pydantic.create_model("Model", n=(int, ...), __module__=__name__)
    monkeypatch.setattr(sys.modules[__name__], "Model", model, raising=False)
    assert there_and_back(model(n=3)) == model(n=3)
