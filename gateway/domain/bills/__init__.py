"""Sessions and CDRs as OCPI has them, what holds a CDR, and what may be done about it."""
