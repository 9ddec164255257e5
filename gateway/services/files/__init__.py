"""Files to and from charge points: one-time tickets, uploads, firmware."""
