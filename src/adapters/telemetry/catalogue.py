"""Every metric of the service: contracts/metrics.toml says the same, and a test that it does."""

from typing import Final

from adapters.telemetry.declared import Declared, Kind
from adapters.telemetry.label_bounds import (
    CODES,
    ENDED_RESERVATIONS,
    FATES,
    FINDING_KINDS,
    LOOKS,
    METERED,
    METHODS,
    PARTITIONS,
    PHASES,
    PROVIDERS,
    PUBLISHED,
    REASONS,
    RECOVERED,
    STATES,
    STATUSES,
    TAKEN_OVER,
    TOKENS,
    TOPICS,
)
from domain.delivery.topic import CONSUMED

CALLS: Final = "somagent_calls_total"
CALL_SECONDS: Final = "somagent_call_seconds"
CALLS_IN_FLIGHT: Final = "somagent_calls_in_flight"
REFUSALS: Final = "somagent_refusals_total"
DEFECTS: Final = "somagent_defects_total"
TURNS: Final = "somagent_turns_total"
TURN_SECONDS: Final = "somagent_turn_seconds"
TURN_FAILURES: Final = "somagent_turn_failures_total"
LOST_TURNS: Final = "somagent_lost_turns_total"
LOST_CALLS: Final = "somagent_lost_calls_total"
LOST_RESERVATIONS: Final = "somagent_lost_reservations_total"
TURNS_RUNNING: Final = "somagent_turns_running"
PHASE_SECONDS: Final = "somagent_phase_seconds"
PHASE_TROUBLES: Final = "somagent_phase_troubles_total"
TURN_TOKENS: Final = "somagent_turn_tokens_total"
TOOL_CALLS: Final = "somagent_turn_tool_calls_total"
PROVIDER_COST: Final = "somagent_provider_cost_micro_usd_total"
ATTEMPTS: Final = "somagent_model_attempts_total"
FIRST_BYTE: Final = "somagent_model_first_byte_seconds"
EVENTS_PUBLISHED: Final = "somagent_events_published_total"
OUTBOX_EVENTS: Final = "somagent_outbox_events"
OUTBOX_AGE: Final = "somagent_outbox_oldest_age"
FINDINGS: Final = "somagent_reconciliation_findings"
UNCHECKED: Final = "somagent_reconciliation_unchecked_total"
OVERRUN: Final = "somagent_budget_overrun"
UNSEALED: Final = "somagent_records_unsealed"
OLDEST_UNSEALED: Final = "somagent_records_oldest_unsealed_age"
MESSAGES: Final = "somagent_messages_total"
DEAD_LETTERS: Final = "somagent_dead_letters_total"
DEAD_LETTERS_GONE: Final = "somagent_dead_letters_gone_total"
MESSAGE_LAG: Final = "somagent_message_lag"
MESSAGE_AGE: Final = "somagent_message_oldest_age"
FENCED: Final = "somagent_readers_fenced"

CATALOGUE: Final = (
    Declared(
        name=CALLS,
        kind=Kind.COUNTER,
        unit="calls",
        help="Calls of the API that have ended, by method and status code.",
        labels={"method": METHODS, "code": CODES},
    ),
    Declared(
        name=CALL_SECONDS,
        kind=Kind.HISTOGRAM,
        unit="seconds",
        help="How long calls took, streams to their end.",
        labels={"method": METHODS},
    ),
    Declared(
        name=CALLS_IN_FLIGHT,
        kind=Kind.GAUGE,
        unit="calls",
        help="Calls in flight now, those that are about to be refused included.",
    ),
    Declared(
        name=REFUSALS,
        kind=Kind.COUNTER,
        unit="calls",
        help="Calls that were refused, by the reason in their ErrorInfo.",
        labels={"reason": REASONS},
    ),
    Declared(
        name=DEFECTS,
        kind=Kind.COUNTER,
        unit="defects",
        help="What broke and no refusal names; the log has each.",
    ),
    Declared(
        name=TURNS,
        kind=Kind.COUNTER,
        unit="turns",
        help="Turns that ended or paused in this process, by what they came to.",
        labels={"state": STATES},
    ),
    Declared(
        name=TURN_SECONDS,
        kind=Kind.HISTOGRAM,
        unit="seconds",
        help="From a turn's message to its end or pause.",
        labels={"state": STATES},
    ),
    Declared(
        name=TURN_FAILURES,
        kind=Kind.COUNTER,
        unit="turns",
        help="Turns that failed or were cancelled, by reason.",
        labels={"reason": REASONS},
    ),
    Declared(
        name=LOST_TURNS,
        kind=Kind.COUNTER,
        unit="turns",
        help="Turns of lost servers that this process took over, by what became of them; those "
        "that were left or broke are found again.",
        labels={"became": TAKEN_OVER},
    ),
    Declared(
        name=LOST_CALLS,
        kind=Kind.COUNTER,
        unit="calls",
        help="Calls by themselves of lost servers that this process ended, by state.",
        labels={"state": RECOVERED},
    ),
    Declared(
        name=LOST_RESERVATIONS,
        kind=Kind.COUNTER,
        unit="reservations",
        help="Reservations that nobody was left to end: settled for turns and calls of lost "
        "servers, or released when their time was over.",
        labels={"became": ENDED_RESERVATIONS},
    ),
    Declared(
        name=TURNS_RUNNING,
        kind=Kind.GAUGE,
        unit="turns",
        help="Turns that this process drives now.",
    ),
    Declared(
        name=PHASE_SECONDS,
        kind=Kind.HISTOGRAM,
        unit="seconds",
        help="How long each phase of a turn took; model and tools once a round.",
        labels={"phase": PHASES},
    ),
    Declared(
        name=PHASE_TROUBLES,
        kind=Kind.COUNTER,
        unit="phases",
        help="Phases that were skipped, degraded or failed.",
        labels={"phase": PHASES, "status": STATUSES},
    ),
    Declared(
        name=TURN_TOKENS,
        kind=Kind.COUNTER,
        unit="tokens",
        help="Tokens that turns used; cached ones are among the prompt's, reasoning ones among the "
        "completion's.",
        labels={"kind": TOKENS},
    ),
    Declared(
        name=TOOL_CALLS,
        kind=Kind.COUNTER,
        unit="calls",
        help="Calls of tools that turns made.",
    ),
    Declared(
        name=PROVIDER_COST,
        kind=Kind.COUNTER,
        unit="micro_usd",
        help="What providers charge for the turns.",
    ),
    Declared(
        name=ATTEMPTS,
        kind=Kind.COUNTER,
        unit="calls",
        help="Calls of models, by provider and outcome: ok, or the reason it failed.",
        labels={"provider": PROVIDERS, "outcome": REASONS},
    ),
    Declared(
        name=FIRST_BYTE,
        kind=Kind.HISTOGRAM,
        unit="seconds",
        help="From a model call's start to its first byte.",
        labels={"provider": PROVIDERS},
    ),
    Declared(
        name=EVENTS_PUBLISHED,
        kind=Kind.COUNTER,
        unit="messages",
        help="Messages that this process gave to topics, by what came of it; each try counts.",
        labels={"topic": TOPICS, "outcome": PUBLISHED},
    ),
    Declared(
        name=OUTBOX_EVENTS,
        kind=Kind.GAUGE,
        unit="events",
        help="Events of the whole database that wait to be published, counted up to 10000.",
    ),
    Declared(
        name=OUTBOX_AGE,
        kind=Kind.GAUGE,
        unit="seconds",
        help="How long the oldest of the counted events has waited.",
    ),
    Declared(
        name=FINDINGS,
        kind=Kind.GAUGE,
        unit="findings",
        help="What must not exist and does, of the whole service; repaired ones are not counted.",
        labels={"kind": FINDING_KINDS},
    ),
    Declared(
        name=UNCHECKED,
        kind=Kind.COUNTER,
        unit="looks",
        help="Looks of reconciliations that failed or took too long, by what was looked at; the "
        "log has each.",
        labels={"look": LOOKS},
    ),
    Declared(
        name=OVERRUN,
        kind=Kind.GAUGE,
        unit="base_units",
        help="What all tenants used beyond their limits this month, borne by the platform.",
        labels={"metric": METERED},
    ),
    Declared(
        name=UNSEALED,
        kind=Kind.GAUGE,
        unit="records",
        help="Records of the whole service that wait for a seal; at most 10,000 are counted.",
    ),
    Declared(
        name=OLDEST_UNSEALED,
        kind=Kind.GAUGE,
        unit="seconds",
        help="How long the record that waits longest has waited for its seal.",
    ),
    Declared(
        name=MESSAGES,
        kind=Kind.COUNTER,
        unit="messages",
        help="Messages of other systems, by what became of each try: taken, to be tried again, or "
        "rested as a dead letter.",
        labels={"topic": CONSUMED, "fate": FATES},
    ),
    Declared(
        name=DEAD_LETTERS,
        kind=Kind.COUNTER,
        unit="messages",
        help="Messages of other systems that became dead letters, by reason.",
        labels={"reason": REASONS},
    ),
    Declared(
        name=DEAD_LETTERS_GONE,
        kind=Kind.COUNTER,
        unit="messages",
        help="Dead letters of unknown senders that gave way to later ones.",
    ),
    Declared(
        name=MESSAGE_LAG,
        kind=Kind.GAUGE,
        unit="messages",
        help="Messages behind what this process has committed, in the partitions that it reads.",
        labels={"topic": CONSUMED, "partition": PARTITIONS},
    ),
    Declared(
        name=MESSAGE_AGE,
        kind=Kind.GAUGE,
        unit="seconds",
        help="How long ago the broker got the oldest message that was read and is not done with.",
        labels={"topic": CONSUMED, "partition": PARTITIONS},
    ),
    Declared(
        name=FENCED,
        kind=Kind.GAUGE,
        unit="readers",
        help="Readers of this process that read nothing while another process has their name.",
    ),
)
