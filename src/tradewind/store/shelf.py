"""Object storage for XComs that are too large for the database.

A value above the limit is written to object storage (any fsspec URL, a folder by default)
before the row that names it is committed; the row then holds its address and size. Addresses
contain the hash of the content, so that a value is never overwritten, and begin with the run,
so that whatever a run left behind goes with the run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from typing import Any

import msgspec

from tradewind.errors import NotFound, Unavailable
from tradewind.store.turn import XComWrite


class Shelf:
    """Where large values are kept.

    Args:
        url: a folder or an fsspec URL, such as "s3://bucket/xcoms".
        limit_bytes: larger values are kept here, smaller ones in the database.
    """

    def __init__(self, url: str, limit_bytes: int) -> None:
        self._url = url.rstrip("/")
        self.limit_bytes = limit_bytes
        self._system: Any = None

    def shelve(self, writes: Iterable[XComWrite]) -> list[XComWrite]:
        """Write the large values out; return all writes as the database takes them.

        Raises:
            Unavailable: the storage cannot be written.
        """
        return [self._shelve(w) if len(w.value) > self.limit_bytes else w for w in writes]

    def load(self, address: str) -> bytes:
        """Return a value that is kept here.

        Raises:
            Unavailable: the storage cannot be read.
            NotFound: the value is not there any more.
        """
        try:
            found: bytes = self._files().cat_file(address)
        except FileNotFoundError as error:
            raise NotFound(f"the XCom kept at {address} is not there any more") from error
        except Exception as error:
            raise Unavailable(f"the XCom kept at {address} cannot be read: {error}") from error
        return found

    def forget_runs(self, run_pks: Iterable[int]) -> None:
        """Remove everything that these runs left here, as far as the storage lets us."""
        files = self._files()
        for run_pk in run_pks:
            with contextlib.suppress(Exception):
                files.rm(self._folder(run_pk), recursive=True)

    def _shelve(self, write: XComWrite) -> XComWrite:
        digest = hashlib.sha256(write.value).hexdigest()
        place = hashlib.sha256(
            "\0".join((write.ti.task_id, str(write.ti.map_index), write.key)).encode()
        ).hexdigest()
        address = f"{self._folder(write.ti.run_pk)}/{place[:32]}/{digest}.json"
        try:
            self._write(address, write.value)
        except Exception as error:
            raise Unavailable(f"a large XCom cannot be kept at {address}: {error}") from error
        return msgspec.structs.replace(write, value=b"", kept_at=address, size=len(write.value))

    def _write(self, address: str, value: bytes) -> None:
        files = self._files()
        files.makedirs(address.rpartition("/")[0], exist_ok=True)
        with files.open(address, "wb") as handle:
            handle.write(value)
            if hasattr(handle, "fileno"):
                # A folder: the value must be on disk before the row that names it.
                handle.flush()
                os.fsync(handle.fileno())

    def _folder(self, run_pk: int) -> str:
        return f"{self._url}/run={run_pk}"

    def _files(self) -> Any:
        if self._system is None:
            import fsspec  # noqa: PLC0415  slow to import and needed for large values only

            self._system, _ = fsspec.core.url_to_fs(self._url)
        return self._system
