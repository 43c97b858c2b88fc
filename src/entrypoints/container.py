"""The object graph of one server process: what was opened goes in, use cases come out."""

from dependency_injector import containers, providers

from adapters.failpoints.failpoints import Failpoints
from adapters.http_tools.http_tools import HttpTools
from application.operations.describe_server import ServerIdentity
from application.provenance.seal_bell import ProcessSealBell
from application.provenance.seal_records import SealRecords
from entrypoints.assembly.access import access
from entrypoints.assembly.conversations import (
    ToolParts,
    conversation_use_cases,
    tool_use_cases,
)
from entrypoints.assembly.dead_letters import dead_letter_use_cases
from entrypoints.assembly.failpoints import toolbox_with
from entrypoints.assembly.models import Models
from entrypoints.assembly.operations import ServerParts, operations_use_cases, reconcile
from entrypoints.assembly.secrets import Keys
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System
from entrypoints.assembly.telemetry import Telemetry
from entrypoints.assembly.turns import TurnParts, toolbox, turns
from entrypoints.assembly.use_cases import (
    budget_use_cases,
    capability_use_cases,
    capsule_use_cases,
    memory_use_cases,
    provenance_use_cases,
    read_subscription,
    tenancy_use_cases,
)
from entrypoints.settings.settings import Settings


class Application(containers.DeclarativeContainer):
    """Every provider is made once a process, when it is first asked for."""

    settings = providers.Dependency(instance_of=Settings)
    identity = providers.Dependency(instance_of=ServerIdentity)
    failpoints = providers.Dependency(instance_of=Failpoints)
    database_url = providers.Dependency(instance_of=str)
    system = providers.Dependency(instance_of=System)
    stores = providers.Dependency(instance_of=Stores)
    models = providers.Dependency(instance_of=Models)
    publisher = providers.Dependency(instance_of=object)  # a port: see ServerParts
    keys = providers.Dependency(instance_of=Keys)
    telemetry = providers.Dependency(instance_of=Telemetry)
    served_tools = providers.Dependency(instance_of=HttpTools)

    bell = providers.Singleton(ProcessSealBell)
    tools = providers.Singleton(
        toolbox_with, failpoints, providers.Singleton(toolbox, stores, system, served_tools)
    )
    access = providers.Singleton(access, settings.provided.identity, stores, system)
    subscription = providers.Singleton(read_subscription, stores, system)
    budget = providers.Singleton(budget_use_cases, stores, system, telemetry.provided.losses)
    tenancy = providers.Singleton(tenancy_use_cases, stores, system)
    capsules = providers.Singleton(capsule_use_cases, stores, system, keys)
    capabilities = providers.Singleton(capability_use_cases, stores, system, access, models)
    memory = providers.Singleton(memory_use_cases, stores, system)
    provenance = providers.Singleton(provenance_use_cases, stores, system, keys, bell)
    seal = providers.Singleton(
        SealRecords, chains=stores.provided.chains, signer=keys.provided.receipts, bell=bell
    )
    turn_parts = providers.Singleton(
        TurnParts,
        stores=stores,
        system=system,
        models=models,
        tools=tools,
        authorize=access.provided.authorize,
        subscription=subscription,
        capsules=capsules,
        capabilities=capabilities,
        bell=bell,
        observer=telemetry.provided.turns,
        lease_seconds=settings.provided.turns.lease_seconds,
        deadline_seconds=settings.provided.turns.deadline_seconds,
    )
    turns = providers.Singleton(turns, turn_parts)
    tool_parts = providers.Singleton(
        ToolParts,
        stores=stores,
        system=system,
        tools=tools,
        authorize=access.provided.authorize,
        subscription=subscription,
        load_capsule=capsules.provided.load,
        observer=telemetry.provided.losses,
        lease_seconds=settings.provided.turns.lease_seconds,
    )
    tool_calls = providers.Singleton(tool_use_cases, tool_parts)
    conversations = providers.Singleton(
        conversation_use_cases, stores, system, capsules, turns, tool_calls
    )
    parts = providers.Singleton(
        ServerParts, database_url=database_url, models=models, publisher=publisher
    )
    reconcile = providers.Singleton(reconcile, stores, bell, telemetry.provided.passes, settings)
    dead_letters = providers.Singleton(dead_letter_use_cases, stores, system, publisher)
    operations = providers.Singleton(operations_use_cases, stores, system, identity, parts)
