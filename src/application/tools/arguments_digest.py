"""The digest that names the arguments of a tool call."""

from application.kernel.ports import CanonicalJson
from domain.kernel.digest import sha256_of
from domain.kernel.errors import InvalidArgumentError


def arguments_digest(canonical: CanonicalJson, arguments: str) -> bytes:
    """SHA-256 of the arguments in RFC 8785 form; of the text as it is where it has no such form."""
    data = arguments.encode("utf-8", "surrogatepass")
    try:
        return sha256_of(canonical.encode(canonical.decode(data)))
    except InvalidArgumentError:
        return sha256_of(data)
