"""Every office that the lab can build, by name."""

from .hostile import HOSTILE
from .office import CLEAN, EXPOSED

OFFICES = {"exposed": EXPOSED, "clean": CLEAN, "hostile": HOSTILE}
