"""The tiers of models and of what they cost."""

from domain.kernel.rank import Rank


class Tier(Rank):
    """How able a model is, or how dear: the lowest first."""

    BUDGET = "budget"
    STANDARD = "standard"
    PREMIUM = "premium"
    FLAGSHIP = "flagship"
