"""A small identity provider: OpenID Connect over HTTP on this machine, with keys of its own.

It checks what a real one checks (client, redirect address, PKCE, a code's single use), and can
be told to sign the next token wrongly.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "tradewind", "s3cret of the client"
ADA: dict[str, Any] = {
    "sub": "248289761001",
    "preferred_username": "ada",
    "email": "ada@example.org",
    "groups": ["everybody", "data-admins"],
}
_RSA = {name: rsa.generate_private_key(65537, 2048) for name in ("own", "other")}
_EC = ec.generate_private_key(ec.SECP256R1())


class Key:
    """A key of the provider and what it says of it."""

    def __init__(self, private: Any, algorithm: str, key_id: str) -> None:
        self.private, self.algorithm, self.key_id = private, algorithm, key_id

    @property
    def public(self) -> dict[str, Any]:
        """Return the public half as it is published."""
        kind = RSAAlgorithm if self.algorithm.startswith(("RS", "PS")) else ECAlgorithm
        found: dict[str, Any] = json.loads(kind.to_jwk(self.private.public_key()))
        return {**found, "kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Return a token of these claims."""
        return jwt.encode(
            claims, self.private, algorithm=self.algorithm, headers={"kid": self.key_id, **header}
        )


def rsa_key(key_id: str = "k1", which: str = "own") -> Key:
    """Return an RSA key."""
    return Key(_RSA[which], "RS256", key_id)


def ec_key(key_id: str = "e1") -> Key:
    """Return an elliptic key."""
    return Key(_EC, "ES256", key_id)


class IdentityProvider:
    """The provider. Whoever comes is `person`, and signs in at once."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.url = ""
        self.issuer = ""
        self.person = dict(ADA)
        self.keys = [rsa_key()]
        self.make_token: Callable[[dict[str, Any]], str] = self._sign
        self.refusal: str | None = None
        self.discovery: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def _sign(self, claims: dict[str, Any]) -> str:
        return self.keys[0].sign(claims)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of a right token."""
        now_s = int(self.now().timestamp())
        return {
            **self.person,
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now_s,
            "exp": now_s + 300,
            **changed,
        }

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any) -> Any:
        """Return a JSON object, an address to lead to, or a refusal (a status and an object)."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                **self.discovery,
            }
        if path == "/keys":
            return {"keys": [key.public for key in self.keys]}
        if path == "/authorize":
            return self._authorize(query)
        if path == "/token" and method == "POST":
            return self._token(query, headers)
        return 404, {"error": "not_found"}

    def _authorize(self, query: dict[str, str]) -> Any:
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert "openid" in query["scope"].split()
        assert query["code_challenge_method"] == "S256"
        back: dict[str, str] = {"state": query["state"], "iss": self.issuer}
        if self.refusal:
            back["error"] = self.refusal
        else:
            back["code"] = secrets.token_urlsafe(16)
            self._codes[back["code"]] = query
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def _token(self, form: dict[str, str], headers: Any) -> Any:
        pair = base64.b64decode(headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if [unquote(part) for part in pair.split(":")] != [CLIENT_ID, CLIENT_SECRET]:
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(
            hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        )
        if (
            asked is None
            or asked["redirect_uri"] != form.get("redirect_uri")
            or asked["code_challenge"] != challenge.rstrip(b"=").decode()
        ):
            return 400, {"error": "invalid_grant"}
        claims = self.claims(nonce=asked["nonce"])
        return {"id_token": self.make_token(claims), "token_type": "Bearer", "access_token": "x"}


@contextlib.contextmanager
def running(now: Callable[[], datetime]) -> Iterator[IdentityProvider]:
    """Run a provider."""
    provider = IdentityProvider(now)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer("POST", self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, method: str, encoded: str) -> None:
            query = {name: values[0] for name, values in parse_qs(encoded).items()}
            found = provider.answer(method, urlsplit(self.path).path, query, self.headers)
            if isinstance(found, str):
                self.send_response(302)
                self.send_header("Location", found)
                self.end_headers()
                return
            status, content = found if isinstance(found, tuple) else (200, found)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
