"""How declared fields lie one after the other as bytes."""

import struct
from functools import cache

from game.rules.contract import Field


@cache  # there are as many as games declare actions and tables
def layout(head: str, fields: tuple[Field, ...]) -> struct.Struct:
    """These fields, little-endian, behind what `head` lays out, as struct spells it."""
    return struct.Struct(f"<{head}{''.join(field.width for field in fields)}")
