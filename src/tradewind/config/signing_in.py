"""The section of the identity provider."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from tradewind.config.notation import SECRET


class Oidc(Struct, frozen=True, kw_only=True):
    """Signing in with an identity provider (OpenID Connect); docs/signing-in.md."""

    issuer: Annotated[
        str,
        Meta(
            description=(
                "The provider's issuer URL, exactly as its tokens have it; empty: there is none."
            ),
            pattern="^(|https?://[^?#]+)$",
        ),
    ] = ""
    client_id: Annotated[str, Meta(description="The id of Tradewind at the provider.")] = ""
    client_secret: Annotated[
        str,
        Meta(description="Its secret there; empty: it is a public client.", extra=SECRET),
    ] = ""
    scopes: Annotated[
        tuple[str, ...], Meta(description="What is asked for, separated by commas.")
    ] = ("openid", "profile", "email")
    username_claim: Annotated[
        str, Meta(description="The claim that names the account of a person who is new here.")
    ] = "preferred_username"
    roles_claim: Annotated[
        str, Meta(description="The claim with the groups or roles of a person; dots lead inside.")
    ] = "groups"
    roles: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "What they mean here: value=role, separated by commas; of several that fit the "
                "highest role counts."
            )
        ),
    ] = ()
    default_role: Annotated[
        str,
        Meta(
            description="The role of whom none of them fits; empty: they are refused.",
            pattern="^(|viewer|user|op|admin)$",
        ),
    ] = ""
    label: Annotated[str, Meta(description="What the button on the sign-in page says.")] = (
        "Single sign-on"
    )
