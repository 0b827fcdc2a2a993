"""The operator's page inside the Django admin: what every process does now, and the levers."""
