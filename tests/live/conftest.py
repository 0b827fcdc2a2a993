"""What the tests with real browsers share."""

from tests.live.browser import browser, chromium, site, visitors

__all__ = ["browser", "chromium", "site", "visitors"]
