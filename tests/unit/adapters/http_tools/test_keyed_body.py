"""A key is put among arguments that stay as they were approved."""

import pytest

from adapters.http_tools.keyed_body import keyed_body


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ("{}", '{"id":"k"}'),
        (" { } ", '{"id":"k"}'),
        ('{"to": "ada"}', '{"to": "ada","id":"k"}'),
        ('{"id":[{}],"to":"ada"}', '{"to":"ada","id":"k"}'),
        ('{"i\\u0064":1,"in":{"id":1}}', '{"in":{"id":1},"id":"k"}'),
    ],
)
def test_the_key_takes_the_place_of_any_of_its_name(arguments: str, body: str) -> None:
    assert keyed_body(arguments, "id", "k").decode() == body


@pytest.mark.parametrize(
    "value",
    [
        "12345678901234567890123",
        "1" * 5000,
        "1.10",
        "-0",
        "1e400",
        "0.1000000000000000055511151231257827",
        '"\\u00e9é\\/}"',
        '{ "b" :[1 , 2], "a": null, "a":{}}',
    ],
    ids=range(8),
)
def test_every_value_is_sent_as_it_was_written(value: str) -> None:
    arguments = f'{{\n "before" : {value} , "after":{value}}}'

    sent = keyed_body(arguments, "id", "k").decode()

    assert sent == f'{{"before" : {value},"after":{value},"id":"k"}}'


@pytest.mark.parametrize("arguments", ["", "[1]", "1", "{", "{}{}", '{"a":NaN}', "[" * 10**5])
def test_what_is_no_object_is_refused(arguments: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON says each fault in its own words
        keyed_body(arguments, "id", "k")
