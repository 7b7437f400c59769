"""DAG files that do not import, and what the processor warns of."""

from __future__ import annotations

import zlib
from datetime import datetime

from tradewind.errors import NotFound
from tradewind.store.read.dag_list import BUNDLE
from tradewind.store.read.dags import FileRow, files
from tradewind.store.read.paging import BadOrder, Page
from tradewind.web.access import Access, Caller
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape, slice_of

routes = Routes("Import Error")


class ImportErrorsQuery(Page, kw_only=True):
    """Which import errors are wanted."""

    filename: str | None = None
    filename_pattern: str | None = None
    filename_prefix_pattern: str | None = None
    bundle_name: str | None = None


class ImportErrorResponse(Shape):
    """A DAG file that does not import."""

    import_error_id: int
    timestamp: datetime
    filename: str
    bundle_name: str | None
    stack_trace: str


class ImportErrorCollectionResponse(Shape):
    """DAG files that do not import."""

    import_errors: list[ImportErrorResponse]
    total_entries: int


class WarningsQuery(Page, kw_only=True):
    """Which warnings are wanted."""

    dag_id: str | None = None
    warning_type: str | None = None


class DAGWarningResponse(Shape):
    """What the processor warns of."""

    dag_id: str
    dag_display_name: str
    warning_type: str
    message: str
    timestamp: datetime


class DAGWarningCollectionResponse(Shape):
    """What the processor warns of."""

    dag_warnings: list[DAGWarningResponse]
    total_entries: int


@routes.get("/api/v2/importErrors", Access.DAG_READ)
def get_import_errors(call: Call[ImportErrorsQuery, None]) -> ImportErrorCollectionResponse:
    """List DAG files that do not import."""
    query = call.query
    part = slice_of(call.site.config, query, "id")
    found = [file for file in _visible(call) if _matches(file, query)]
    for name in reversed(part.order_by):
        if name.removeprefix("-") not in {"id", "import_error_id", "timestamp", "filename"}:
            raise BadOrder(f"Ordering with '{name}' is disallowed; use timestamp or filename")
        key = _path if name.removeprefix("-") == "filename" else _age
        found.sort(key=key, reverse=name.startswith("-"))
    page = found[part.offset : part.offset + part.limit]
    return ImportErrorCollectionResponse(
        import_errors=[_shape(file) for file in page], total_entries=len(found)
    )


@routes.get("/api/v2/importErrors/{import_error_id}", Access.DAG_READ)
def get_import_error(call: Call[None, None]) -> ImportErrorResponse:
    """Return one DAG file that does not import."""
    wanted = call.number("import_error_id")
    for file in _visible(call):
        if _id(file) == wanted:
            return _shape(file)
    raise NotFound(f"there is no import error {wanted}")


@routes.get("/api/v2/dagWarnings", Access.DAG_READ)
def list_dag_warnings(call: Call[WarningsQuery, None]) -> DAGWarningCollectionResponse:
    """List what the processor warns of."""
    query = call.query
    part = slice_of(call.site.config, query, "dag_id")
    found = [
        DAGWarningResponse(
            dag_id=dag_id,
            dag_display_name=dag_id,
            warning_type="runtime varying value",
            message=message,
            timestamp=file.parsed_at,
        )
        for file in files(call.site.db)
        for dag_id in file.dag_ids
        for message in file.warnings
        if call.caller.may_read(dag_id)
        and query.dag_id in {None, dag_id}
        and query.warning_type in {None, "runtime varying value"}
    ]
    found.sort(key=lambda w: w.dag_id, reverse=part.order_by[0].startswith("-"))
    page = found[part.offset : part.offset + part.limit]
    return DAGWarningCollectionResponse(dag_warnings=page, total_entries=len(found))


def _visible(call: Call[ImportErrorsQuery, None] | Call[None, None]) -> list[FileRow]:
    return [f for f in files(call.site.db, broken=True) if _may_read(call.caller, f)]


def _may_read(caller: Caller, file: FileRow) -> bool:
    """A trace shows the file's code: who may see it may see every DAG of the file.

    Of a file that never defined a DAG nobody can tell whose it is: only who sees all may.
    """
    if caller.readable is None:
        return True
    return bool(file.dag_ids) and all(map(caller.may_read, file.dag_ids))


def _matches(file: FileRow, query: ImportErrorsQuery) -> bool:
    pattern, prefix = query.filename_pattern, query.filename_prefix_pattern
    return (
        query.filename in {None, file.path}
        and query.bundle_name in {None, BUNDLE}
        and (pattern in {None, "~"} or (pattern or "").strip("%").lower() in file.path.lower())
        and (prefix in {None, "~"} or file.path.startswith(prefix or ""))
    )


def _path(file: FileRow) -> str:
    return file.path


def _age(file: FileRow) -> str:
    return f"{file.failed_at} {file.path}"


def _id(file: FileRow) -> int:
    # A file has one error at a time, so its path names it.
    return zlib.crc32(file.path.encode())


def _shape(file: FileRow) -> ImportErrorResponse:
    return ImportErrorResponse(
        import_error_id=_id(file),
        timestamp=file.failed_at or file.parsed_at,
        filename=file.path,
        bundle_name=BUNDLE,
        stack_trace=file.import_error or "",
    )
