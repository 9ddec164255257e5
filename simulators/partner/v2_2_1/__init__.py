"""Our own reading of OCPI 2.2.1: the objects, field by field, and the rules between the fields.

Another version of OCPI is another package beside this one that holds only what differs, and one
more `Version` in `simulators.partner.version`.
"""
