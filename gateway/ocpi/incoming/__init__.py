"""Requests of partners: the listener, who calls, what is read, and how answers look."""
