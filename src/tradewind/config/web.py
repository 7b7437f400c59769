"""The sections of the API server: what it listens to, and who may sign in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from tradewind.config.notation import HOME, UNIT_S, Seconds


class Api(Struct, frozen=True, kw_only=True):
    """The web server."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int, Meta(description="Port to listen on; 0 picks a free one.", ge=0, le=65535)
    ] = 8080
    base_url: Annotated[
        str,
        Meta(
            description=(
                "The address that people reach the server at; with https:// its cookies are "
                "sent over TLS only."
            ),
            pattern="^(|https?://[^/?#]+)$",
        ),
    ] = ""
    trust_loopback: Annotated[
        bool,
        Meta(
            description=(
                "Whether whoever reaches the server from this machine is its administrator, "
                "without signing in."
            )
        ),
    ] = False
    page_limit: Annotated[
        int, Meta(description="Entries in one answer of the API, unless asked otherwise.", gt=0)
    ] = field(default=50, name="fallback_page_limit")
    maximum_page_limit: Annotated[
        int, Meta(description="Most entries in one answer of the API.", gt=0)
    ] = 100
    max_body_bytes: Annotated[
        int,
        Meta(description="Largest body of a request that is read.", gt=0, extra={"unit": "bytes"}),
    ] = 1024 * 1024
    max_worker_body_bytes: Annotated[
        int,
        Meta(
            description=(
                "Largest request of a remote worker that is read; an XCom must fit into it."
            ),
            gt=0,
            extra={"unit": "bytes"},
        ),
    ] = 32 * 1024 * 1024
    expose_config: Annotated[
        bool,
        Meta(description="Whether operators may read the settings over the API, secrets hidden."),
    ] = False
    metrics_access: Annotated[
        str,
        Meta(
            description=(
                "Who may read /metrics, which names every DAG: public, signed_in (accounts that "
                "see all DAGs) or off."
            ),
            pattern="^(public|signed_in|off)$",
        ),
    ] = "public"


class ApiAuth(Struct, frozen=True, kw_only=True):
    """Signing in: sessions of browsers and tokens of programs."""

    token_lifetime_s: Annotated[
        Seconds, Meta(description="How long an API token is good for.", gt=0, extra=UNIT_S)
    ] = field(default=86_400.0, name="jwt_expiration_time")
    cli_token_lifetime_s: Annotated[
        Seconds,
        Meta(description="How long a token of /auth/token/cli is good for.", gt=0, extra=UNIT_S),
    ] = field(default=3_600.0, name="jwt_cli_expiration_time")
    session_lifetime_s: Annotated[
        Seconds,
        Meta(description="How long a browser stays signed in at most.", gt=0, extra=UNIT_S),
    ] = 604_800.0
    session_idle_s: Annotated[
        Seconds,
        Meta(description="How long a browser stays signed in unused.", gt=0, extra=UNIT_S),
    ] = 86_400.0
    signing_key_file: Annotated[
        Path,
        Meta(
            description=(
                "The Ed25519 key that signs API tokens (PEM); made when missing. Several "
                "servers need the same one."
            )
        ),
    ] = field(default=Path(f"{HOME}/keys/signing.pem"), name="jwt_private_key_path")
    failures_per_window: Annotated[
        int,
        Meta(description="Failed sign-ins that an account or an address may have.", gt=0),
    ] = 20
    failure_window_s: Annotated[
        Seconds, Meta(description="The time in which they are counted.", gt=0, extra=UNIT_S)
    ] = 600.0
