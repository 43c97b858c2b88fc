"""The first schema: as it was frozen, or as the tables are while it is not."""

from pathlib import Path
from typing import Final

from alembic import op

from adapters.postgres.schema import table_statements

revision = "0001"
down_revision = None

FROZEN: Final = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    if FROZEN.exists():
        connection.exec_driver_sql(FROZEN.read_text(encoding="utf-8"))
        return
    for statement in table_statements():
        connection.exec_driver_sql(statement)
