"""Who may see the Metrics page; apart from its views, which need the models."""

from typing import Any

VIEW = "game.view_metrics"


def may(user: Any, permission: str) -> bool:
    """Whether a user is active staff and has a permission."""
    return bool(user.is_active and user.is_staff and user.has_perm(permission))
