"""Since when accounts bear what is settled: the files of the folder beside."""

from adapters.postgres.migrations.files import run_files_of

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_files_of(__file__)
