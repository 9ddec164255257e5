"""The calls of the operator's API, by what they are about."""
