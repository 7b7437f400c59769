"""Conversations that only two who share a key can hold."""

from __future__ import annotations

import pytest

from tradewind.wire import framing
from tradewind.wire.sealed import KEY_BYTES, Sealed, Unreadable, derive

KEY = b"k" * KEY_BYTES


def _pair(caller_key: bytes = KEY, called_key: bytes = KEY) -> tuple[Sealed, Sealed]:
    caller, called = Sealed(caller_key, caller=True), Sealed(called_key, caller=False)
    assert list(called.feed(caller.greeting)) == []
    assert list(caller.feed(called.greeting)) == []
    return caller, called


def test_what_one_says_the_other_reads_however_it_is_cut() -> None:
    caller, called = Sealed(KEY, caller=True), Sealed(KEY, caller=False)
    list(called.feed(caller.greeting[:10]))
    assert not called.ready
    list(called.feed(caller.greeting[10:]))
    answer = called.greeting + called.seal(b"one") + called.seal(b"two")
    heard = [body for at in range(len(answer)) for body in caller.feed(answer[at : at + 1])]
    assert heard == [b"one", b"two"]
    assert list(called.feed(caller.seal(b"") + caller.seal(b"three"))) == [b"", b"three"]


def test_the_words_do_not_show() -> None:
    caller, _ = _pair()
    assert b"secret" not in caller.seal(b"a secret word")


def test_another_key_opens_nothing() -> None:
    caller, called = _pair(called_key=b"x" * KEY_BYTES)
    with pytest.raises(Unreadable):
        list(called.feed(caller.seal(b"hello")))


def test_what_is_repeated_left_out_or_thrown_back_does_not_open() -> None:
    caller, called = _pair()
    first, second = caller.seal(b"one"), caller.seal(b"two")
    with pytest.raises(Unreadable):
        list(called.feed(second))
    caller, called = _pair()
    first = caller.seal(b"one")
    assert list(called.feed(first)) == [b"one"]
    with pytest.raises(Unreadable):
        list(called.feed(first))
    with pytest.raises(Unreadable):
        list(caller.feed(first))


def test_what_was_recorded_does_not_open_in_another_conversation() -> None:
    caller, _ = _pair()
    recorded = caller.greeting + caller.seal(b"run this")
    again = Sealed(KEY, caller=False)
    with pytest.raises(Unreadable):
        list(again.feed(recorded))


def test_a_stranger_cannot_announce_a_long_message() -> None:
    _, called = _pair()
    with pytest.raises(Unreadable):
        list(called.feed(framing.frame(b"x" * (1 << 17))))


def test_keys_of_different_purposes_differ() -> None:
    assert derive(KEY, b"pod-1", b"a") != derive(KEY, b"pod-2", b"a")
    assert derive(KEY, b"pod-1", b"a") != derive(KEY, b"pod-1", b"b")
    assert derive(KEY, b"pod-1", b"a") == derive(KEY, b"pod-1", b"a")
