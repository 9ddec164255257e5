"""The operator's edge: REST API, live events, dashboard, health, readiness and metrics.

One route table (`resources/`) serves the API and describes it: a handler, what it takes and what
it may answer stand together, and `openapi` only reads them.
"""
