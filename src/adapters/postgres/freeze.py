"""Prints the statements that make tables as they are declared now, for the files of a revision.

python -m adapters.postgres.freeze TABLE...
"""

import sys
from collections.abc import Sequence

from adapters.postgres.schema import table_statements


def frozen(names: Sequence[str]) -> str:
    """The statements of these tables, as one script."""
    return ";\n\n".join(table_statements(names)) + ";\n"


if __name__ == "__main__":
    sys.stdout.write(frozen(sys.argv[1:]))
