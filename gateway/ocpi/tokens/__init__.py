"""Drivers' tokens: received, pulled, and authorized in real time at their owners."""
