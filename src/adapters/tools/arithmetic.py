"""The tool `arithmetic`: exact decimals, by a parser of our own."""

from typing import Final, final

from adapters.tools.decimal_text import ROUNDED_DIGITS, decimal_text
from adapters.tools.exact_functions import ExpressionError
from adapters.tools.expression import MAX_LENGTH, Evaluation
from adapters.tools.native_tool import Arguments, schema_text, text_of
from application.kernel.ports import Json
from application.tools.ports import ToolContext
from domain.tools.errors import ToolFailedError
from domain.tools.tool import Tool

# The pattern is what keeps a small model, bound by a grammar, from writing words.
TOOL: Final = Tool(
    name="arithmetic",
    description=(
        "Computes an expression exactly: + - * / ^ ( ) and 15% for percent; "
        "abs, max, min, mod, round(x, places), sqrt. Example: round(17.5 * 3 / 7, 2)"
    ),
    schema=schema_text(
        {
            "expression": {
                "type": "string",
                "description": "The expression, without words or units.",
                "pattern": "^[0-9a-z+*/^%(),. -]{1,120}$",
                "minLength": 1,
                "maxLength": MAX_LENGTH,
            }
        },
        "expression",
    ),
    idempotent=True,
)


@final
class Arithmetic:
    @property
    def tool(self) -> Tool:
        return TOOL

    async def run(self, arguments: Arguments, _context: ToolContext) -> Json:
        """The value as decimal text, and whether it is exact."""
        try:
            evaluation = Evaluation(text_of(arguments, "expression"))
            value = evaluation.value()
        except ExpressionError as refused:
            raise ToolFailedError(TOOL.name, str(refused)) from refused
        text, exact = decimal_text(value, exact=evaluation.exact)
        if exact:
            return {"result": text, "exact": True}
        return {"result": text, "exact": False, "note": f"rounded to {ROUNDED_DIGITS} digits"}
