from domain.capability.capability import Capability, Modality
from domain.capability.route import CAPABILITY_ROUTING, Route, place_on
from domain.kernel.tier import Tier


def drawing(provider: str, model: str = "") -> Capability:
    return Capability(
        name=provider,
        modality=Modality.IMAGE,
        provider=provider,
        model=model,
        model_tier=Tier.STANDARD,
        cost_tier=Tier.STANDARD,
    )


def test_the_routes_are_those_of_the_figures() -> None:
    assert {
        route.value: [(stop.provider, stop.modality.value, stop.enterprise_only) for stop in stops]
        for route, stops in CAPABILITY_ROUTING.items()
    } == {
        "image_diagram": [
            ("mermaid", "image", False),
            ("plantuml", "image", False),
            (None, "image", False),
        ],
        "image_photo": [("openai", "image", False), ("stability", "image", False)],
        "screenshot": [("playwright", "image", False)],
        "video_short": [("runway", "video", True), ("pika", "video", True)],
    }


def test_a_diagram_is_drawn_by_a_renderer_before_an_image_model() -> None:
    assert place_on(Route.IMAGE_DIAGRAM, drawing("mermaid")) == 0
    assert place_on(Route.IMAGE_DIAGRAM, drawing("plantuml")) == 1
    assert place_on(Route.IMAGE_DIAGRAM, drawing("stability", "sd4")) == 2


def test_a_renderer_that_nobody_named_is_no_image_model() -> None:
    assert place_on(Route.IMAGE_DIAGRAM, drawing("graphviz")) is None


def test_an_image_model_takes_no_screenshots() -> None:
    assert place_on(Route.SCREENSHOT, drawing("openai", "image-2")) is None
