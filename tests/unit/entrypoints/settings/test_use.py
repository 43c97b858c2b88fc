"""No setting is declared and then read by nobody."""

import ast
from pathlib import Path
from typing import Final

from entrypoints.settings.keys import keys

ROOT: Final = Path(__file__).parents[4]
DECLARED_IN: Final = "sections.py", "models.py", "values.py"


def attributes_read() -> frozenset[str]:
    """Every name that stands behind a dot somewhere in the program."""
    modules = [
        module
        for module in (ROOT / "src").rglob("*.py")
        if module.parent.name != "settings" or module.name not in DECLARED_IN
    ]
    return frozenset(
        node.attr
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute)
    )


def test_every_setting_is_read_by_somebody() -> None:
    read = attributes_read()

    assert [path for path in keys() if path.rpartition(".")[2] not in read] == []
