"""The reference of the settings is generated and complete."""

from pathlib import Path

from entrypoints.settings.explanation import explain, reference
from entrypoints.settings.keys import keys
from entrypoints.settings.sources import load

ROOT = Path(__file__).parents[4]


def test_the_reference_in_the_docs_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == reference()


def test_every_key_has_a_meaning() -> None:
    assert [key.path for key in keys().values() if not key.meaning] == []


def test_every_key_is_explained() -> None:
    explained = {one.key for one in explain(load({}, None, ()))}

    assert explained == {path for path in keys() if "[]" not in path}


def test_times_and_sizes_say_their_units() -> None:
    units = {key.path: key.unit for key in keys().values()}

    assert units["server.max_message_bytes"] == "bytes"
    assert units["turns.lease_seconds"] == "s"
    assert units["local_model.context_tokens"] == "tokens"
