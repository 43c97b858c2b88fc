"""The tools that the service has itself."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from adapters.tools import arithmetic, current_time, memory_search, notes
from adapters.tools.native_tool import NativeTool

if TYPE_CHECKING:  # who asks for the names alone shall not wait for the database's libraries
    from entrypoints.assembly.stores import Stores
    from entrypoints.assembly.system import System

OWN_TOOLS: Final[Mapping[str, "Callable[[Stores, System], NativeTool]"]] = MappingProxyType(
    {
        current_time.TOOL.name: lambda _, system: current_time.CurrentTime(system.clock),
        arithmetic.TOOL.name: lambda _stores, _system: arithmetic.Arithmetic(),
        memory_search.TOOL.name: lambda stores, _: memory_search.MemorySearch(stores.memories),
        notes.WRITE.name: lambda stores, system: notes.NoteWrite(stores.notes, system.clock),
        notes.LIST.name: lambda stores, _: notes.NoteList(stores.notes),
    }
)
"""How each is made, by its name."""
