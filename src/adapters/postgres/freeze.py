"""Writes the first schema down: run once, before the first release; then revisions follow.

python -m adapters.postgres.freeze
"""

from adapters.postgres.migrations.versions.r0001_initial import FROZEN
from adapters.postgres.schema import table_statements


def freeze() -> None:
    """Put the statements of the tables as they are now where revision 0001 looks for them."""
    FROZEN.write_text(";\n\n".join(table_statements()) + ";\n", encoding="utf-8")


if __name__ == "__main__":
    freeze()
