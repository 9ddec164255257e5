"""Our own reading of OCPI 2.3.0: what differs from 2.2.1, and the modules that are new."""
