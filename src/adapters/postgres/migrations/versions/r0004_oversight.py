"""What a second look at calls and operators' reads need: the files of the folder beside."""

from adapters.postgres.migrations.files import run_files_of

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_files_of(__file__)
