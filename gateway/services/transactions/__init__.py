"""Transactions of charge points: taken, kept, told again, ended."""
