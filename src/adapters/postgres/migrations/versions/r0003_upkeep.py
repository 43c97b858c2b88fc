"""What the upkeep of approvals, replays and overruns needs: the files of the folder beside."""

from adapters.postgres.migrations.files import run_files_of

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_files_of(__file__)
