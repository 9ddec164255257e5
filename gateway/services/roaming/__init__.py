"""The roaming side of the use cases: our parties, partners, locations."""
