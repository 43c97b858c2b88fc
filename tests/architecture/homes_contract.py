"""An import-linter contract that gives each third-party package the places that may import it."""

import sys
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.imports import ImportExpression


class HomesContract(Contract):
    """A package is imported from its homes alone, and one without a home from nowhere.

    import-linter's own `protected` is a deny-list (it misses the next library) and fails on a
    package that nothing imports yet.
    """

    homes = fields.ListField(subfield=fields.ImportExpressionField())
    anywhere = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        # import-linter replaces the declared fields by their values, which no type checker sees.
        rows = cast("list[ImportExpression]", self.homes)
        homes = [(row.importer.expression, row.imported.expression) for row in rows]
        free = cast("set[str]", self.anywhere) | sys.stdlib_module_names
        strays = sorted(
            f"{module} -> {imported}"
            for imported in graph.modules
            if graph.is_module_squashed(imported) and imported not in free
            for module in graph.find_modules_that_directly_import(imported)
            if not any(
                package == imported and f"{module}.".startswith(f"{home}.")
                for home, package in homes
            )
        )
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for stray in check.metadata["strays"]:
            output.print_error(f"- {stray}")
