"""A tool: its name, what it takes, and what it does to the world."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """`schema` is the JSON Schema 2020-12 of the arguments, as JSON text.

    A tool with an `effect` changes something outside the turn, and runs at most once per call.
    A `dangerous` one waits for a person at autonomy 4 to 6. `idempotent` ones may be run again
    under the same idempotency key. `askable` ones tell what became of a key (`ToolStatus`). `host`
    is where its arguments are sent; empty for a tool of this service itself.
    """

    name: str
    description: str
    schema: str
    effect: bool = False
    dangerous: bool = False
    idempotent: bool = False
    askable: bool = False
    host: str = ""
