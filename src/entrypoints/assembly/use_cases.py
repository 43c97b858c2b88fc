"""The use cases beside the turn, in groups by their context."""

from dataclasses import dataclass

from adapters.capsule_files.capsule_files import YamlCapsuleFiles
from adapters.local.provider_health import LocalProviderHealth
from adapters.local.secret_source import SystemSecretSource
from application.budget.announce_warnings import AnnounceWarnings
from application.budget.gate_budget import GateBudget
from application.budget.list_limits import ListLimits
from application.budget.ports import ReservationObserver
from application.budget.read_usage import ReadUsage
from application.budget.release_expired import ReleaseExpired
from application.budget.release_reservation import ReleaseReservation
from application.budget.set_limit import SetLimit
from application.budget.settle_budget import SettleBudget
from application.capability.known_capabilities import KnownCapabilities
from application.capability.list_capabilities import ListCapabilities
from application.capability.ports import ProviderHealth
from application.capability.register_capability import RegisterCapability
from application.capability.select_capability import ExplainSelection, SelectCapability
from application.capsule.activate_capsule import ActivateCapsule
from application.capsule.create_capsule import CreateCapsule
from application.capsule.get_capsule import GetCapsule, ListCapsules
from application.capsule.load_capsule import KnownCapsules, LoadCapsule
from application.capsule.revoke_capsule import RevokeCapsule
from application.capsule.verify_capsule import VerifyCapsule
from application.kernel.audit import Audit
from application.memory.forget import Forget
from application.memory.recall import Recall
from application.memory.remember import Remember
from application.provenance.get_receipt import GetReceipt
from application.provenance.get_record import GetRecord, ListRecords
from application.provenance.ports import SealBell
from application.provenance.record_provenance import RecordProvenance
from application.provenance.verify_receipt import VerifyReceipt
from application.tenancy.create_api_key import CreateApiKey
from application.tenancy.create_tenant import CreateTenant
from application.tenancy.get_tenant import GetTenant
from application.tenancy.read_subscription import ReadSubscription
from application.tenancy.revoke_api_key import RevokeApiKey
from application.tenancy.stop_tenant import StopTenant
from domain.kernel.resilience import Guarded
from entrypoints.assembly.access import Access
from entrypoints.assembly.models import Models
from entrypoints.assembly.secrets import Keys
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System


def _audit(system: System) -> Audit:
    return Audit(clock=system.clock, identifiers=system.identifiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUseCases:
    gate: GateBudget
    settle: SettleBudget
    release: ReleaseReservation
    release_expired: ReleaseExpired
    read_usage: ReadUsage
    list_limits: ListLimits
    set_limit: SetLimit
    announce_warnings: AnnounceWarnings


def budget_use_cases(
    stores: Stores, system: System, observer: ReservationObserver
) -> BudgetUseCases:
    budgets = stores.budgets
    return BudgetUseCases(
        gate=GateBudget(budgets=budgets, identifiers=system.identifiers),
        settle=SettleBudget(budgets=budgets, clock=system.clock, identifiers=system.identifiers),
        release=ReleaseReservation(budgets=budgets),
        release_expired=ReleaseExpired(budgets=budgets, observer=observer),
        read_usage=ReadUsage(budgets=budgets),
        list_limits=ListLimits(budgets=budgets),
        set_limit=SetLimit(budgets=budgets, canonical=system.json, audit=_audit(system)),
        announce_warnings=AnnounceWarnings(
            warnings=stores.warnings, clock=system.clock, identifiers=system.identifiers
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TenancyUseCases:
    create: CreateTenant
    get: GetTenant
    stop: StopTenant
    create_key: CreateApiKey
    revoke_key: RevokeApiKey


def tenancy_use_cases(stores: Stores, system: System) -> TenancyUseCases:
    return TenancyUseCases(
        create=CreateTenant(
            tenants=stores.tenants,
            canonical=system.json,
            clock=system.clock,
            identifiers=system.identifiers,
            audit=_audit(system),
        ),
        get=GetTenant(tenants=stores.tenants),
        stop=StopTenant(tenants=stores.tenants, canonical=system.json, audit=_audit(system)),
        create_key=CreateApiKey(
            keys=stores.keys,
            secrets=SystemSecretSource(),
            canonical=system.json,
            clock=stores.clock,
            identifiers=system.identifiers,
            audit=_audit(system),
        ),
        revoke_key=RevokeApiKey(
            keys=stores.keys, canonical=system.json, clock=system.clock, audit=_audit(system)
        ),
    )


def read_subscription(stores: Stores, system: System) -> ReadSubscription:
    return ReadSubscription.within(system.clock, stores.subscriptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleUseCases:
    create: CreateCapsule
    get: GetCapsule
    list: ListCapsules
    activate: ActivateCapsule
    revoke: RevokeCapsule
    load: LoadCapsule


def capsule_use_cases(stores: Stores, system: System, keys: Keys) -> CapsuleUseCases:
    verify = VerifyCapsule(canonical=system.json, trusted=keys.trusted_authors)
    known = KnownCapsules.within(system.clock)
    return CapsuleUseCases(
        create=CreateCapsule(
            capsules=stores.capsules,
            files=YamlCapsuleFiles(),
            verify=verify,
            clock=system.clock,
            identifiers=system.identifiers,
        ),
        get=GetCapsule(capsules=stores.capsules),
        list=ListCapsules(capsules=stores.capsules),
        activate=ActivateCapsule(
            capsules=stores.capsules,
            verify=verify,
            canonical=system.json,
            clock=system.clock,
            identifiers=system.identifiers,
            known=known,
        ),
        revoke=RevokeCapsule(
            capsules=stores.capsules, canonical=system.json, known=known, audit=_audit(system)
        ),
        load=LoadCapsule(
            capsules=stores.capsules, verify=verify, canonical=system.json, known=known
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityUseCases:
    register: RegisterCapability
    list: ListCapabilities
    select: SelectCapability
    explain: ExplainSelection
    health: ProviderHealth


def capability_use_cases(
    stores: Stores, system: System, access: Access, models: Models
) -> CapabilityUseCases:
    known = KnownCapabilities.within(system.clock, models.capabilities, stores.capabilities)
    health = LocalProviderHealth(system.clock, Guarded.PROVIDER)
    select = SelectCapability(known=known, authorize=access.authorize, health=health)
    return CapabilityUseCases(
        register=RegisterCapability(
            capabilities=stores.capabilities,
            known=known,
            providers=models.providers,
            canonical=system.json,
        ),
        list=ListCapabilities(known=known),
        select=select,
        explain=ExplainSelection(select=select),
        health=health,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUseCases:
    remember: Remember
    recall: Recall
    forget: Forget


def memory_use_cases(stores: Stores, system: System) -> MemoryUseCases:
    return MemoryUseCases(
        remember=Remember(
            memories=stores.memories,
            json=system.json,
            clock=system.clock,
            identifiers=system.identifiers,
        ),
        recall=Recall(memories=stores.memories),
        forget=Forget(memories=stores.memories, clock=system.clock, identifiers=system.identifiers),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceUseCases:
    record: RecordProvenance
    get: GetRecord
    list: ListRecords
    get_receipt: GetReceipt
    verify: VerifyReceipt


def provenance_use_cases(
    stores: Stores, system: System, keys: Keys, bell: SealBell
) -> ProvenanceUseCases:
    return ProvenanceUseCases(
        record=RecordProvenance(
            records=stores.records,
            json=system.json,
            identifiers=system.identifiers,
            bell=bell,
        ),
        get=GetRecord(records=stores.records),
        list=ListRecords(records=stores.records),
        get_receipt=GetReceipt(records=stores.records, bell=bell, clock=system.clock),
        verify=VerifyReceipt(json=system.json, verifier=keys.receipt_keys),
    )
