"""The partners' edge: OCPI over HTTP, both as server and as client.

A request comes in through `server` and `pipeline` (who calls, is it JSON, from whom to whom) to
one handler in `modules`, one file per OCPI module; handlers return an `Answer` or raise an
`OcpiError`, and `envelope` alone gives either its shape. What we send goes out through `sender`,
`client` and `safe_http`.

Objects are canonical (2.3.0) inside. `versions` holds what another version says differently; a
further version is a further `Wire` there, and the modules that work differently in it.
"""
