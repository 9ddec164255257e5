"""The OCPI versions that we speak, as differences from the canonical 2.3.0 objects."""
