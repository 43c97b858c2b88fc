"""Bring the database's schema up to date, by itself."""

import asyncio

from entrypoints.assembly.platform import Report, migrate_schema
from entrypoints.settings.settings import Settings


def run_migration(settings: Settings, report: Report) -> None:
    """Migrate and return. Blocks; may be run again at any time, and by many at once.

    Raises:
        StartError: It cannot be done, with what to do.
    """
    asyncio.run(migrate_schema(settings, report))
