"""Charging as partners and operators steer it: commands, remote starts, charging profiles."""
