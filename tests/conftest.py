"""Fixtures that every test may use."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.contract.postgres_server",
    "tests.plugins.engines",
    "tests.plugins.kafka",
    "tests.plugins.not_run",
    "tests.plugins.together",
]

# What a property needs does not depend on how fast the machine is.
settings.register_profile(
    "house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("house"), derandomize=False)
settings.load_profile("house")
