"""The HTTP server: health, a status page and the first paths of the REST API.

It reads through `store.read` and changes things only through `actions`. It has no log-in yet
and therefore listens on the loopback only, and answers only requests that name it so.
"""
