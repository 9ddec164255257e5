"""Edge 4: the listener that stations put their logs to and fetch their firmware from.

Nothing here is reached without a ticket (services/files/file_tickets.py): there is no list and no
name to guess, and a wrong ticket gets the same 404 as a wrong path.
"""
