"""numpy and pandas values come out as they went in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tradewind.sdk import serde


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="int32").reshape(2, 3),
        np.array([1.5, np.nan, np.inf]),
        np.array(["a", "bc"]),
        np.array([{"a": 1}, (1, 2)], dtype=object),
        np.array(["2026-03-01"], dtype="datetime64[ns]"),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.zeros((0, 3)),
        np.array(7),
    ],
)
def test_an_array(array: Any) -> None:
    found = serde.loads(serde.dumps(array))
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "scalar", [np.int64(3), np.float32(0.1), np.bool_(1), np.datetime64("2026-03-01")]
)
def test_a_scalar(scalar: Any) -> None:
    found = serde.loads(serde.dumps(scalar))
    assert type(found) is type(scalar)
    assert found == scalar


def frames() -> Iterator[Any]:
    rows = pd.date_range("2026-01-01", periods=3, tz="Europe/Paris")
    yield pd.DataFrame({"a": [1, 2, 3], "b": [1.5, None, 3.0], "c": ["x", None, "z"]})
    yield pd.DataFrame({"when": rows, "naive": rows.tz_localize(None)}, index=rows)
    yield pd.DataFrame({"n": pd.array([1, None, 3], dtype="Int64")}, index=["x", "y", "z"])
    yield pd.DataFrame({"k": pd.Categorical(["a", "b", "a"], ["b", "a"], ordered=True)})
    yield pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", None])
    )
    yield pd.DataFrame([[1, 2]], columns=["same", "same"])
    yield pd.DataFrame()


@pytest.mark.parametrize("frame", list(frames()))
def test_a_frame(frame: Any) -> None:
    found = serde.loads(serde.dumps(frame))
    pd.testing.assert_frame_equal(found, frame, check_freq=False)


def test_a_series_and_scalars() -> None:
    series = pd.Series([1, 2], index=pd.Index([10, 20], name="i"), name="s")
    pd.testing.assert_series_equal(serde.loads(serde.dumps(series)), series)
    at = pd.Timestamp("2026-03-01T12:00:00.123456789", tz="UTC")
    values = [at, pd.Timestamp(datetime(2026, 1, 1, tzinfo=UTC)), pd.Timedelta("1D2ns")]
    assert serde.loads(serde.dumps(values)) == values
    assert serde.loads(serde.dumps([pd.NaT, pd.NA]))[0] is pd.NaT
    assert serde.loads(serde.dumps([pd.NaT, pd.NA]))[1] is pd.NA
