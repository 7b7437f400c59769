"""Signing in with an identity provider: OpenID Connect, authorization code with PKCE.

`routes` leads a browser there and back, `provider` speaks with the provider, `id_token` decides
whether to believe what it says of a person, `roles` what that person may do here.
"""
