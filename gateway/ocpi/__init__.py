"""The partners' edge: OCPI over HTTP, both as server and as client.

`incoming`     a request comes in through `server` and `pipeline` (who calls, is it JSON, from whom
               to whom) to one handler in `modules`; handlers return an `Answer` or raise an
               `OcpiError`, and `envelope` alone gives either its shape
`modules`      one file per OCPI module
`credentials`  the handshake, both ways
`tokens`       drivers' tokens: received, pulled, authorized at their owners
`pushes`       what is sent of our objects, to whom, in which words
`outgoing`     every request of ours: `client` over `safe_http`, and what its answer means
`versions`     objects are canonical (2.3.0) inside; what another version says differently
`conformance`  reads any platform and says which rules it keeps
`open_data`    published locations and tariffs for everybody

`platform` is what we are to partners, `quirks` what a partner's habits change.
"""
