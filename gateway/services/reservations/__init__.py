"""Reservations: made, used, ended, billed."""
