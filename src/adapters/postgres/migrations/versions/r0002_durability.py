"""What durable turns, effects and events need: the files of the folder beside, in order."""

from adapters.postgres.migrations.files import run_files_of

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_files_of(__file__)
