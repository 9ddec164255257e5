"""Our own reading of OCPI 2.1.1: older names and shapes, and what 2.2.1 took over unchanged."""
