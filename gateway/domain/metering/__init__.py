"""What a meter says, and what was used by it: energy, charging periods, signed values."""
