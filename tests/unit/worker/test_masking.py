from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind.wire.messages import GetConnection, GetVariable, Mask
from tradewind.worker.masking import MASK, Masker

SECRET = 'hunter2/+ä "x"'


def masker_of(*secrets: str) -> Masker:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    return masker


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        repr(SECRET)[1:-1],
    ],
)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    assert masker_of(SECRET).text(f"before {form} after") == f"before {MASK} after"


@pytest.mark.parametrize("before", ["", "a", "ab", "user:"])
def test_a_secret_is_found_within_base64(before: str) -> None:
    encoded = base64.b64encode(f"{before}correct horse{'z'}".encode()).decode()
    masked = masker_of("correct horse").text(encoded)
    assert MASK in masked
    assert len(masked) < len(encoded) - 8


def test_short_values_are_no_secrets() -> None:
    assert masker_of("abc", " ab ").text("abc ab") == "abc ab"


def test_a_secret_within_another_does_not_leave_the_rest() -> None:
    assert masker_of("secret", "secret-longer").text("secret-longer") == MASK


def test_each_line_of_a_secret_with_lines_is_one() -> None:
    key = "-----BEGIN KEY-----\nMIIabcdefgh\nend\n-----END KEY-----\n"
    assert masker_of(key).text("x MIIabcdefgh y") == f"x {MASK} y"


def test_json_stays_json() -> None:
    masked = masker_of("null", "event", "true").json(b'{"event": null, "a": ["is true", 1]}')
    assert json.loads(masked) == {MASK: None, "a": [f"is {MASK}", 1]}


def test_what_calls_show_to_be_secret() -> None:
    masker = Masker()
    masker.learn(GetVariable("plain"), {"value": "visible"})
    masker.learn(GetVariable("my_api_key"), {"value": "key-in-name"})
    masker.learn(GetVariable("config"), {"value": '{"password": "in-json", "host": "public"}'})
    extra = json.dumps({"token": ["listed"], "region": "eu-west", "nested": '{"secret": "inner"}'})
    body = {"password": "the-password", "login": "somebody", "extra": extra}
    masker.learn(GetConnection("c"), body)
    masker.learn(Mask("told-to"), {})
    text = "visible key-in-name in-json public the-password somebody listed eu-west inner told-to"
    assert masker.text(text) == (
        f"visible {MASK} {MASK} public {MASK} somebody {MASK} eu-west {MASK} {MASK}"
    )


def test_answers_without_a_value_are_harmless() -> None:
    masker = Masker()
    masker.learn(GetVariable("password"), {})
    masker.learn(GetConnection("c"), {"password": None, "extra": "{not json"})
    assert not masker


@given(st.text(min_size=4, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_remains(secret: str, before: str, after: str) -> None:
    masker = masker_of(secret)
    if not masker:
        return
    found = masker.text(f"{before}{secret.strip()}{after}")
    assert secret.strip() not in found.replace(MASK, "\0") or secret.strip() in MASK * 3
    line = msgspec.json.encode({"event": found}).decode()
    assert json.loads(line)["event"] == found
