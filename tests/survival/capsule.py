"""The capsule of the survival run: an answer whose server was lost is gone on with."""

from typing import Final

from somagent.capsule.v1 import capsule_pb2 as pb
from tests.system.client import Client, request_id
from tests.system.installation import signed

STEADY: Final = "steady"
MANIFEST: Final = f"""
apiVersion: somagent.dev/v3
name: {STEADY}
version: VERSION
persona:
  instructions: You say what you are asked for.
  knobs: {{intelligence_level: 3, autonomy_level: 7, resource_budget: 0.50}}
tools: {{allow: [note_write]}}
policy: {{on_interruption: continue}}
models: {{allow: [main]}}
"""


async def steady_capsule(client: Client, author_key: str, version: str = "1.0.0") -> None:
    """Bring it in, and make it the active one."""
    manifest = await signed(author_key, MANIFEST.replace("VERSION", version))
    created = await client.ask(
        pb.CreateCapsuleRequest(parent=client.parent, manifest=manifest, request_id=request_id()),
        pb.CreateCapsuleResponse,
    )
    await client.ask(
        pb.ActivateCapsuleRequest(name=created.capsule.name, request_id=request_id()),
        pb.ActivateCapsuleResponse,
    )
