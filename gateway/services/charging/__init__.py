"""Charging as the gateway keeps it: transactions, their bills, what steers and precedes them."""
