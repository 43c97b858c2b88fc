"""Fetches receipts from a server."""

from entrypoints.assembly.offline import identifiers
from entrypoints.cli.client import Client, Target, open_client
from entrypoints.cli.failure import CommandFailedError
from entrypoints.cli.receipt_file import file_of
from somagent.provenance.v1.provenance_pb2 import GetReceiptRequest


async def fetch(target: Target, record: str) -> bytes:
    """The file of a record's receipt.

    Raises:
        CommandFailedError: The server refused, cannot be reached, or sent no whole receipt.
    """
    async with open_client(target, identifiers()) as client:
        return await receipt_file(client, record)


async def receipt_file(client: Client, record: str) -> bytes:
    """Raises: CommandFailedError: As `fetch`."""
    response = await client.ask(client.provenance.GetReceipt, GetReceiptRequest(name=record))
    try:
        return file_of(response.receipt)
    except ValueError as error:
        raise CommandFailedError(f"the server sent no whole receipt: {error}") from error
