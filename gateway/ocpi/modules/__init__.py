"""OCPI's modules, one file each: the URLs it has here, and what a call of them does."""
