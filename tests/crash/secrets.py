"""The secrets of a laboratory's installation, which must be found nowhere."""

import base64
import secrets
from collections.abc import Mapping
from typing import Final

from entrypoints.assembly.secrets import SecretKeeper
from tests.system.installation import Installation, Model

PROVIDER_KEY: Final = "secret:provider-key"

PASSWORDS: Final[Mapping[str, str]] = {
    "database__request__password": "secret:request-password",
    "database__writer__password": "secret:writer-password",
}
"""The settings of passwords. The database asks for none, and takes those that it is given."""


def model_at(base_url: str) -> Model:
    """A model that wants a key, and says how likely its answers are."""
    return Model(name="main", base_url=base_url, logprobs=True, api_key=PROVIDER_KEY)


async def secrets_of(installation: Installation) -> tuple[str, frozenset[str]]:
    """Put those that servers need and nobody else; the key that signs, and all of them.

    A key is known in every form in which it may be written.
    """
    keeper, settings = SecretKeeper(installation.settings), installation.settings
    made = {name: secrets.token_urlsafe(24) for name in (PROVIDER_KEY, *PASSWORDS.values())}
    for reference, secret in made.items():
        await keeper.put(reference, secret)
    keys = [
        await keeper.need(one)
        for one in (settings.receipts.signing_key, settings.secrets.paging_key)
    ]
    raw = [bytes.fromhex(one) for one in keys]
    forms = [base64.b64encode(one).decode().rstrip("=") for one in raw]
    urlsafe = [base64.urlsafe_b64encode(one).decode().rstrip("=") for one in raw]
    found = (*made.values(), *keys, *forms, *urlsafe, installation.author_key)
    return keys[0], frozenset(found)
