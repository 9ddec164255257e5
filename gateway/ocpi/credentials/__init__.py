"""The handshake of the credentials module, both ways, and what it changes here."""
