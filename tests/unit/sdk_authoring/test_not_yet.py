"""What is accepted so that a file loads, and does nothing yet, says so."""

from __future__ import annotations

import pytest

from tradewind.sdk import Asset, AssetWatcher


def test_watchers_of_an_asset_are_said_to_have_no_effect() -> None:
    with pytest.warns(UserWarning, match="watchers= of an asset is accepted and has no effect yet"):
        Asset("a", watchers=[AssetWatcher(name="w", trigger=object())])
