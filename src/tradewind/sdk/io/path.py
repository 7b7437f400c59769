"""ObjectStoragePath: a path in object storage, used like a pathlib.Path.

    base = ObjectStoragePath("s3://aws_default@bucket/data/")
    with (base / "in.csv").open() as file: ...

The part before @ is the connection that says how to log in. A path is passed between tasks by
its URL and its connection.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from tradewind.errors import DagError
from tradewind.sdk.io.stores import attach

try:
    from upath import UPath
    from upath.extensions import ProxyUPath, classmethod_or_method
except ImportError as error:
    raise DagError(
        "ObjectStoragePath needs universal-pathlib: pip install 'tradewind[object-storage]'"
    ) from error

_CHUNK = 1 << 20


class ObjectStoragePath(ProxyUPath):
    """A path in object storage.

    Args:
        args: a URL, such as "s3://conn_id@bucket/key", and further parts of the path.
        protocol: the scheme, where the URL has none.
        conn_id: the connection that says how to log in.
        storage_options: options of the file system.
    """

    __version__: ClassVar[int] = 1
    __slots__ = ("_conn_id",)

    def __init__(
        self,
        *args: Any,
        protocol: str | None = None,
        conn_id: str | None = None,
        **storage_options: Any,
    ) -> None:
        if args and isinstance(args[0], ObjectStoragePath):
            conn_id = conn_id or args[0].conn_id
        elif args:
            parts = urlsplit(str(args[0]))
            login, at, place = parts.netloc.rpartition("@")
            if at:
                conn_id = conn_id or login or None
                args = (parts._replace(netloc=place).geturl(), *args[1:])
            protocol = protocol or parts.scheme or None
        self._conn_id = conn_id
        super().__init__(*args, protocol=protocol, **storage_options)
        self._log_in(self.__wrapped__)

    @classmethod_or_method
    def _from_upath(cls_or_self: Any, upath: Any, /) -> Any:  # type: ignore[override] # noqa: N805
        """Return a path that was made from another one, with its connection."""
        made_from = cls_or_self if isinstance(cls_or_self, ObjectStoragePath) else None
        cls = type(cls_or_self) if made_from is not None else cls_or_self
        if isinstance(upath, cls):
            return upath
        path = object.__new__(cls)
        path.__wrapped__ = upath
        path._conn_id = None if made_from is None else made_from.conn_id
        if not hasattr(upath, "_fs_cached"):
            path._log_in(upath)
        return path

    def _log_in(self, wrapped: UPath) -> None:
        """Let the path below use the file system that is logged in with the connection."""
        if self._conn_id is None:
            return
        # Whoever uses the path is told what is missing; a DAG file may name it all the same.
        with contextlib.suppress(DagError):
            wrapped._fs_cached = attach(wrapped.protocol or "file", self._conn_id).fs  # noqa: SLF001

    @property
    def conn_id(self) -> str | None:
        """The connection that says how to log in."""
        return self._conn_id

    @property
    def fs(self) -> Any:
        """The fsspec file system."""
        return attach(self.protocol or "file", self._conn_id).fs

    @property
    def bucket(self) -> str:
        """The bucket."""
        return urlsplit(self.as_uri()).netloc if self.protocol not in {"", "file"} else ""

    container = bucket

    @property
    def key(self) -> str:
        """The path inside the bucket."""
        return urlsplit(self.as_uri()).path.lstrip("/")

    @property
    def namespace(self) -> str:
        """The scheme and the bucket."""
        return f"{self.protocol}://{self.bucket}" if self.bucket else self.protocol

    def samestore(self, other: Any) -> bool:
        """Tell whether another path is in the same store, with the same connection."""
        return (
            isinstance(other, ObjectStoragePath)
            and self.protocol == other.protocol
            and self.conn_id == other.conn_id
        )

    def __eq__(self, other: object) -> bool:
        return self.samestore(other) and str(self) == str(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(str(self))

    def replace(self, target: Any) -> Any:
        """Move it, replacing what is there."""
        return self.rename(target)

    def checksum(self) -> Any:
        """Return a number that changes with the content."""
        return self.fs.checksum(self.path)

    def read_block(self, offset: int, length: int, delimiter: bytes | None = None) -> bytes:
        """Return part of the content.

        Args:
            offset: where to begin, in bytes.
            length: how many bytes.
            delimiter: begin and end behind one of these.
        """
        block: bytes = self.fs.read_block(self.path, offset, length, delimiter=delimiter)
        return block

    def sign(self, expiration: int = 100, **kwargs: Any) -> str:
        """Return a URL that whoever has it may read for this many seconds."""
        url: str = self.fs.sign(self.path, expiration=expiration, **kwargs)
        return url

    def size(self) -> int:
        """Return how many bytes it has."""
        size: int = self.fs.size(self.path)
        return size

    def copy(  # type: ignore[override]
        self, dst: Any, recursive: bool = False, **kwargs: Any
    ) -> None:
        """Copy it, also to another store.

        Args:
            dst: the new path; a folder that exists takes it in.
            recursive: a folder with all that is in it.
            kwargs: options of the file system.
        """
        target = dst if isinstance(dst, ObjectStoragePath) else ObjectStoragePath(dst)
        if self.samestore(target):
            self.fs.copy(self.path, target.path, recursive=recursive, **kwargs)
            return
        if self.is_dir():
            if not recursive:
                raise DagError(f"{self} is a folder; copy it with recursive=True")
            target.mkdir(parents=True, exist_ok=True)
            for child in self.iterdir():
                child.copy(target / child.name, recursive=True, **kwargs)
            return
        if target.is_dir():
            target /= self.name
        with self.open("rb") as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK)

    def move(  # type: ignore[override]
        self, path: Any, recursive: bool = False, **kwargs: Any
    ) -> None:
        """Move it, also to another store.

        Args:
            path: the new path.
            recursive: a folder with all that is in it.
            kwargs: options of the file system.
        """
        target = path if isinstance(path, ObjectStoragePath) else ObjectStoragePath(path)
        if self.samestore(target):
            self.fs.move(self.path, target.path, recursive=recursive, **kwargs)
            return
        self.copy(target, recursive=recursive, **kwargs)
        self.fs.rm(self.path, recursive=recursive)

    def serialize(self) -> dict[str, Any]:
        """Return what makes it again."""
        return {"path": str(self), "conn_id": self.conn_id}

    @classmethod
    def deserialize(cls, data: dict[str, Any], version: int) -> Self:
        """Make it again."""
        del version
        return cls(data["path"], conn_id=data["conn_id"])
