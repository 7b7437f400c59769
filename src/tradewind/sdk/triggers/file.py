"""Triggers that wait for a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tradewind.sdk import current
from tradewind.sdk.files import found_file
from tradewind.sdk.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent


class FileTrigger(BaseTrigger):
    """Fire when a file is there.

    Args:
        filepath: a path, maybe with wildcards.
        recursive: whether `**` means any depth.
        poke_interval: seconds between two looks.
    """

    def __init__(
        self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any
    ) -> None:
        super().__init__()
        self.filepath = filepath
        self.recursive = recursive
        self.poke_interval = kwargs.pop("poll_interval", poke_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return (
            f"tradewind.sdk.triggers.file.{type(self).__name__}",
            {
                "filepath": self.filepath,
                "recursive": self.recursive,
                "poke_interval": self.poke_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the file is there; the event's payload is True."""
        while (name := await self._look()) is None:
            await current.waiter().pause(self.poke_interval)
        self.log.info("found %s", name)
        yield TriggerEvent(True)  # noqa: FBT003  the payload is Airflow's

    async def _look(self) -> str | None:
        # In a thread: a slow network folder would hold up every other trigger.
        return await asyncio.to_thread(found_file, self.filepath, recursive=self.recursive)


class FileDeleteTrigger(FileTrigger, BaseEventTrigger):
    """Fire when a file is there, and delete it: so it makes one event only."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the file is there, delete it; the event's payload is True."""
        while (name := await self._look()) is None:
            await current.waiter().pause(self.poke_interval)
        await asyncio.to_thread(Path(name).unlink, missing_ok=True)
        self.log.info("found and deleted %s", name)
        yield TriggerEvent(True)  # noqa: FBT003  the payload is Airflow's


class DirectoryFileDeleteTrigger(BaseEventTrigger):
    """Fire when a file of this name is in a folder, and delete it.

    Args:
        directory: the folder; it may come later.
        filename: the file's name in it.
        poke_interval: seconds between two looks.
    """

    def __init__(self, *, directory: str, filename: str, poke_interval: float = 5.0) -> None:
        super().__init__()
        self.directory = directory
        self.filename = filename
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return (
            f"tradewind.sdk.triggers.file.{type(self).__name__}",
            {
                "directory": self.directory,
                "filename": self.filename,
                "poke_interval": self.poke_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the file is there, delete it; the event's payload names it."""
        file = Path(self.directory) / self.filename
        while not await asyncio.to_thread(_removed, file):
            await current.waiter().pause(self.poke_interval)
        self.log.info("found and deleted %s", file)
        yield TriggerEvent({"filepath": str(file)})


def _removed(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
