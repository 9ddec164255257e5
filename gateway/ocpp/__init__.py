"""Edge 1: charge points over OCPP-J.

A frame goes socket -> link -> codec -> schema -> the version's handler -> a domain event for a
service, and the service's word goes back the same way. What differs between OCPP versions is a
`Dialect`, made by the version's package; nothing else here knows a version.
"""
