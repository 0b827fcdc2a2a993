"""Drills: what Kogame does when its processes, its services, its network or its clients fail."""
