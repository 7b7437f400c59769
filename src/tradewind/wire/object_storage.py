"""Object storage behind one URL, through fsspec: S3, Google Cloud, Azure, a folder, memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import IO, Any

from tradewind.errors import ConfigError, Unavailable

PIECE = 4 << 20
"""Bytes that are held in memory at a time."""
_AT_ONCE = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory"}
)
"""Storages in which an object appears when it is complete. Elsewhere it is written under another
name and renamed."""


class ObjectStorage:
    """Objects by address, a path below the URL. Methods raise what the driver raises: see `using`.

    trouble: why it could not be used when it was last tried.
    """

    def __init__(self, url: str) -> None:
        """Find the driver; the storage is not asked yet.

        Args:
            url: any fsspec URL, such as "s3://bucket/logs".

        Raises:
            ConfigError: there is no driver for such a URL.
        """
        import fsspec  # noqa: PLC0415  30 ms, and seldom configured

        try:
            self._files, base = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"the storage {url!r} cannot be used: {error}") from error
        self._base = base.rstrip("/")
        protocol = self._files.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._at_once = bool(names & _AT_ONCE)
        self.url = url
        self.trouble: str | None = None

    @contextlib.contextmanager
    def using(self) -> Iterator[None]:
        """Make whatever a driver raises one error, and remember it for health checks.

        Raises:
            Unavailable: the storage cannot be reached, or refuses.
        """
        try:
            yield
        except Exception as error:
            text = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.trouble = f"{type(error).__name__}: {text}"
            raise Unavailable(f"the storage {self.url} cannot be used: {self.trouble}") from error
        self.trouble = None

    def check(self) -> None:
        """Ask for a sign of life.

        Raises:
            Unavailable: it cannot be reached, or refuses.
        """
        with self.using():
            self._files.exists(self._base)

    def size(self, address: str) -> int:
        """Return the bytes of an object; 0 when there is none."""
        self._files.invalidate_cache()
        try:
            return int(self._files.info(self._full(address))["size"])
        except FileNotFoundError:
            return 0

    def names(self, folder: str) -> list[tuple[str, int]]:
        """Return names and sizes of what is directly in a folder; none when there is no folder."""
        self._files.invalidate_cache()
        try:
            found = self._files.ls(self._full(folder), detail=True)
        except FileNotFoundError:
            return []
        return [(e["name"].rstrip("/").rpartition("/")[2], e.get("size") or 0) for e in found]

    def open(self, address: str) -> IO[bytes]:
        """Open an object for reading."""
        opened: IO[bytes] = self._files.open(self._full(address), "rb")
        return opened

    def write(self, address: str, pieces: Iterable[bytes], *, precious: bool = False) -> None:
        """Write an object anew.

        Args:
            address: its address.
            pieces: its bytes.
            precious: what is there now must not be lost when this fails half way: drivers complete
                an object even then.
        """
        full = self._full(address)
        written = full if self._at_once and not precious else f"{full}.part"
        if not self._at_once:  # there are no folders, and buckets are not ours to make
            self._files.makedirs(full.rpartition("/")[0], exist_ok=True)
        target: Any
        with self._files.open(written, "wb") as target:
            for piece in pieces:
                target.write(piece)
            if not self._at_once and hasattr(target, "fileno"):
                target.flush()
                os.fsync(target.fileno())
        if written != full:
            self._files.mv(written, full)

    def _full(self, address: str) -> str:
        return f"{self._base}/{address}"


def pieces_of(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes of a file, a piece at a time."""
    while size > 0 and (piece := source.read(min(size, PIECE))):
        size -= len(piece)
        yield piece
