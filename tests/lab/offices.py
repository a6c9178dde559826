"""Every office that the lab can build, by name."""

from .hostile import HOSTILE
from .office import CLEAN, EXPOSED
from .standing import (
    BEHIND_A_CARRIER,
    BEHIND_A_ROUTER,
    BOTH_FAMILIES,
    MONTH,
    OPEN_SIX,
    RESOLVERS,
    TOLD_BY_PAGE,
    TOLD_BY_PAGE_INSIDE,
)

OFFICES = {
    "exposed": EXPOSED,
    "clean": CLEAN,
    "hostile": HOSTILE,
    "both-families": BOTH_FAMILIES,
    "behind-a-router": BEHIND_A_ROUTER,
    "behind-a-carrier": BEHIND_A_CARRIER,
    "month": MONTH,
    "open-six": OPEN_SIX,
    "resolvers": RESOLVERS,
    "told-by-page": TOLD_BY_PAGE,
    "told-by-page-inside": TOLD_BY_PAGE_INSIDE,
}
