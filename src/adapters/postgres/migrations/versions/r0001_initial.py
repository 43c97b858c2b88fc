"""The first schema."""

from alembic import op

from adapters.postgres.schema import table_statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in table_statements():
        op.execute(statement)
