"""What durable turns, effects and events need: the files of the folder beside, in order."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    connection = op.get_bind().execution_options(no_parameters=True)
    for file in sorted(Path(__file__).with_suffix("").glob("*.sql")):
        connection.exec_driver_sql(file.read_text(encoding="utf-8"))
