"""Charge points as devices: registry and connection, settings, reports, operations, status."""
