"""Kogame's tests, and its benchmarks: hundreds of players who all come from this machine."""

import os

os.environ.setdefault("KOGAME_SOCKETS_PER_ADDRESS", "0")
