"""Static files under names that change with their content: browsers may keep them for good."""

import re
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

# Vite puts eight characters of a hash into the names of what it builds.
BY_VITE = re.compile(r"^assets/.+-[A-Za-z0-9_-]{8}\.\w+$")


class Storage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise is untyped
    """Hashed names and their manifest, once: what Vite has named keeps its name.

    Vite's modules import each other by Vite's names. A second name for the same module would be
    fetched, and run, a second time.
    """

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """The name a file is served under."""
        if BY_VITE.match(name):
            return name
        return str(super().hashed_name(name, content, filename))
