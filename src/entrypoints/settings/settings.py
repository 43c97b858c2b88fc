"""Everything that an operator may set, read once at start-up."""

# mypy: disable-error-code="explicit-any"
# Pydantic's BaseSettings is itself declared with Any; nothing here is.

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from entrypoints.settings.delivery import KafkaSettings, RelaySettings
from entrypoints.settings.keeping import (
    BudgetSettings,
    ReconciliationSettings,
    RetentionSettings,
)
from entrypoints.settings.laboratory import LaboratorySettings
from entrypoints.settings.models import LocalModelSettings, ProviderSettings
from entrypoints.settings.sections import (
    CapsuleSettings,
    DatabaseSettings,
    ReceiptSettings,
    SecretSettings,
    TelemetrySettings,
    TurnSettings,
)
from entrypoints.settings.serving import ServerSettings
from entrypoints.settings.tools import ToolSettings
from entrypoints.settings.trusted import IdentitySettings
from entrypoints.settings.values import LogFormat, Mode, Profile

PREFIX = "SOMAGENT_"
DELIMITER = "__"


class Settings(BaseSettings):
    """Made by `entrypoints.settings.sources.load`, which knows where each value came from."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    profile: Annotated[
        Profile,
        Field(
            description="`embedded` starts its own engines; `standard` uses those that are run "
            "elsewhere, by URL."
        ),
    ] = Profile.EMBEDDED
    mode: Annotated[
        Mode,
        Field(description="`prod` refuses to start with insecure choices; `test` is for tests."),
    ] = Mode.DEV
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    turns: TurnSettings = TurnSettings()
    identity: IdentitySettings = IdentitySettings()
    providers: Annotated[
        tuple[ProviderSettings, ...],
        Field(description="Providers of models, each with what it offers."),
    ] = ()
    local_model: LocalModelSettings = LocalModelSettings()
    receipts: ReceiptSettings = ReceiptSettings()
    budgets: BudgetSettings = BudgetSettings()
    retention: RetentionSettings = RetentionSettings()
    reconciliation: ReconciliationSettings = ReconciliationSettings()
    capsules: CapsuleSettings = CapsuleSettings()
    relay: RelaySettings = RelaySettings()
    kafka: KafkaSettings = KafkaSettings()
    tools: ToolSettings = ToolSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    secrets: SecretSettings = SecretSettings()
    laboratory: LaboratorySettings = LaboratorySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load` gives: it has read the environment, and remembers what came from it."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @property
    def logs_json(self) -> bool:
        chosen = self.telemetry.log_format
        return chosen is LogFormat.JSON or (chosen is LogFormat.AUTO and self.mode is Mode.PROD)

    @property
    def runs_local_model(self) -> bool:
        """A configured provider takes its place."""
        return self.local_model.enabled and not self.providers

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [provider.name for provider in self.providers]
        offered = [model.name for provider in self.providers for model in provider.models]
        tools = [tool.name for tool in self.tools.http]
        for kind, values in (
            ("providers", names), ("providers.models", offered), ("tools.http", tools)
        ):  # fmt: skip
            if twice := sorted({value for value in values if values.count(value) > 1}):
                raise ValueError(f"{kind}: each name once, but {', '.join(twice)} stands twice")
        return self
