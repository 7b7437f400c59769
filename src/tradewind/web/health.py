"""Which parts are alive, judged by their latest sign of life in the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tradewind.config import Config
from tradewind.errors import TradewindError
from tradewind.store import components
from tradewind.web.site import Site

PARTS = ("scheduler", "triggerer", "dag_processor")


def health(site: Site, *, reasons: bool) -> dict[str, Any]:
    """Return Airflow's health document, and beside it what the scheduler says of its executors.

    Where logs are copied to object storage, this server also says whether it can use that.

    A part that never ran has the status null: a triggerer is started only when it is needed.

    Args:
        site: the server's.
        reasons: also say why something is not healthy. Reasons name addresses and accounts: they
            are not for everybody who can reach this server.
    """
    now, limits = site.clock.now(), limits_s(site.config)
    answer: dict[str, Any] = {"metadatabase": {"status": "healthy"}}
    try:
        for part in PARTS:
            answer[part] = _part(site, part, limits[part], now)
        answer["executors"] = _executors(site, answer["scheduler"]["status"], reasons=reasons)
    except TradewindError:
        answer["metadatabase"] = {"status": "unhealthy"}
        for part in PARTS:
            answer[part] = {"status": None, f"latest_{part}_heartbeat": None}
        answer["executors"] = {}
    if site.log_archive is not None:
        trouble = site.log_archive.storage.trouble
        answer["log_storage"] = {"status": "healthy" if trouble is None else "unhealthy"}
        if reasons:
            answer["log_storage"]["trouble"] = trouble
    return answer


def limits_s(config: Config) -> dict[str, float]:
    """Return by part how long it may be silent."""
    return {
        "scheduler": config.scheduler.health_threshold_s,
        "triggerer": config.triggerer.health_threshold_s,
        "dag_processor": config.processor.health_threshold_s,
    }


def is_ready(document: dict[str, Any]) -> bool:
    """Tell whether DAGs are parsed and run now."""
    needed = ("metadatabase", "scheduler", "dag_processor")
    return all(document[part]["status"] == "healthy" for part in needed)


def _executors(site: Site, scheduler: str | None, *, reasons: bool) -> dict[str, Any]:
    """Return the executors' health; null when no scheduler is there to say."""
    latest = components.latest(site.db, "scheduler")
    told = (latest.executors if latest is not None else None) or {}
    answer: dict[str, Any] = {}
    for name, troubles in told.items():
        status = "unhealthy" if troubles else "healthy"
        answer[name] = {"status": status if scheduler == "healthy" else None}
        if reasons:
            answer[name]["troubles"] = troubles
    return answer


def _part(site: Site, part: str, limit_s: float, now: datetime) -> dict[str, Any]:
    latest = components.latest(site.db, part)
    status = None
    if latest is not None:
        alive = latest.stopped_at is None and (now - latest.beat_at).total_seconds() <= limit_s
        status = "healthy" if alive else "unhealthy"
    return {"status": status, f"latest_{part}_heartbeat": latest.beat_at if latest else None}
