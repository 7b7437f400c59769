"""Values and schemas, in every form that params are written in."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tradewind.errors import DagError
from tradewind.model.json_schema import SchemaNotRight, violation
from tradewind.sdk.exceptions import ParamValidationError
from tradewind.sdk.params import NOT_GIVEN, Param, ParamsDict

FITS: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a"}, "ab", "abcd"),
    ({"type": ["integer", "null"], "minimum": 1, "multipleOf": 2}, None, 3),
    ({"type": "number", "exclusiveMaximum": 1}, 0.5, 1),
    ({"enum": ["a", 1, None]}, 1, "b"),
    ({"const": {"x": 1}}, {"x": 1}, {"x": 2}),
    ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, [1, 2], [1, 1]),
    ({"prefixItems": [{"type": "string"}], "items": False}, ["a"], ["a", 1]),
    ({"contains": {"const": 7}, "minContains": 2}, [7, 7], [7]),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "boolean"}},
            "required": ["a"],
            "additionalProperties": False,
        },
        {"a": True},
        {"a": True, "b": 1},
    ),
    ({"dependentRequired": {"card": ["name"]}}, {"card": 1, "name": 2}, {"card": 1}),
    ({"patternProperties": {"^s_": {"type": "string"}}}, {"s_x": "y"}, {"s_x": 1}),
    ({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]}, 1, 2),
    ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "x", []),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 2, 4),
    ({"not": {"type": "null"}}, 1, None),
    ({"if": {"const": 1}, "then": False}, 2, 1),
    ({"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n"}, 1, "x"),
    ({"format": "date"}, "2026-03-01", "2026-13-01"),
    ({"format": "date-time"}, "2026-03-01T10:00:00+00:00", "soon"),
    ({"format": "time"}, "10:20:30", "25:00"),
    ({"format": "email"}, "a@b.c", "nobody"),
    ({"format": "ipv4"}, "127.0.0.1", "127.0.0.999"),
    ({"format": "regex"}, "a+", "("),
    (
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]},
        ["a", 1],
        [1],
    ),
]


@pytest.mark.parametrize(("schema", "good", "bad"), FITS, ids=[str(s)[:40] for s, _, _ in FITS])
def test_every_form_of_schema_is_checked(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert violation(schema, good) is None
    assert violation(schema, bad) is not None
    assert Param(good, **schema).resolve() == good
    with pytest.raises(ParamValidationError):
        Param(good, schema=schema).resolve(bad)


def test_the_place_of_what_does_not_fit_is_named() -> None:
    schema = {"properties": {"a": {"items": {"type": "integer"}}}}
    found = violation(schema, {"a": [1, "x"]})
    assert found == ("['a'][1]", "'x' is not of type 'integer'")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "text"}, "its schema is not right: 'text' is not valid"),
        ({"minimum": "1"}, "its schema is not right: '1' is not of type 'number'"),
        ({"$ref": "#/$defs/none"}, "refers to '/.defs/none', which is not in the schema"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "refers to 'http://127.0.0.1:9/x.json', which is"),
    ],
)
def test_a_schema_that_is_none_is_named_and_nothing_is_fetched(
    schema: dict[str, Any], message: str
) -> None:
    with pytest.raises(SchemaNotRight, match=message):
        violation(schema, 1)
    with pytest.raises(ParamValidationError, match=message):
        Param(1, schema=schema).resolve()


def test_a_param_is_copied_and_written_down() -> None:
    param = Param(1, "how many", "dag", type="integer", section="More")
    for twin in (copy.copy(param), copy.deepcopy(param), Param.deserialize(param.serialize())):
        assert twin == param
        assert twin is not param
    with pytest.raises(DagError, match="cannot be written as JSON"):
        Param(object())


def test_params_that_are_taken_over_keep_their_schemas() -> None:
    first = ParamsDict({"n": Param(1, type="integer"), "must": Param(type="string")})
    second = ParamsDict({"n": 0, "other": "x"})
    second.update(first)
    assert second.get_param("must").value is NOT_GIVEN
    with pytest.raises(ParamValidationError, match="param 'n'"):
        second["n"] = "many"
    second.update({"n": 5}, other="y")
    assert (second["n"], second["other"]) == (5, "y")
