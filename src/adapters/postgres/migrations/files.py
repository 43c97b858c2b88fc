"""Revisions whose statements stand in files."""

from pathlib import Path

from alembic import op


def run_files_of(revision: str) -> None:
    """Run the SQL files of the folder that is named as the revision's module is, by their names."""
    connection = op.get_bind().execution_options(no_parameters=True)
    for file in sorted(Path(revision).with_suffix("").glob("*.sql")):
        connection.exec_driver_sql(file.read_text(encoding="utf-8"))
