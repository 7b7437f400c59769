"""The section of where user code looks for variables and connections first."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.config.notation import SECRET


class SecretsBackend(Struct, frozen=True, kw_only=True):
    """A store of secrets elsewhere. User code asks it first; no server ever does."""

    backend: Annotated[
        str,
        Meta(
            description="Class path of a secrets backend, Airflow's or a provider package's; "
            "empty: none."
        ),
    ] = ""
    backend_kwargs: Annotated[
        str, Meta(description="Its arguments, a JSON object.", extra=SECRET)
    ] = ""
