"""An import-linter contract that allows instead of forbidding."""

from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.imports import Module


class OnlyContract(Contract):
    """Everything outside our own layers must be on the list."""

    source_modules = fields.ListField(subfield=fields.ModuleField())
    allowed_modules = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        # import-linter replaces the declared fields by their values, which no type checker sees.
        sources = cast("list[Module]", self.source_modules)
        allowed = cast("set[str]", self.allowed_modules)
        strays = sorted(
            f"{module} -> {imported}"
            for source in sources
            for module in {source.name, *graph.find_descendants(source.name)}
            for imported in graph.find_modules_directly_imported_by(module)
            if graph.is_module_squashed(imported) and imported not in allowed
        )
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for stray in check.metadata["strays"]:
            output.print_error(f"- {stray}")
