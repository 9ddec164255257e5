"""Authorities that are known only after the listener was opened, as the built-in one's."""

import ssl

from gateway.ocpp.tls import CertificateFiles, ServerTls
from gateway.services.security.trust import Trust


def test_an_authority_that_comes_later_is_asked_for_and_leaves_the_times_to_the_login(pki):
    """security-and-faults row 13: an expired certificate gets through the handshake."""
    authorities = []
    trust = Trust(providers=[lambda: authorities])
    tls = ServerTls([CertificateFiles(pki.server_ecdsa.file, pki.server_ecdsa.file)], trust=trust)
    assert tls.context.verify_mode is ssl.CERT_NONE
    authorities.append(pki.ours.root.certificate)
    tls.refresh()
    from_the_start = ServerTls(
        [CertificateFiles(pki.server_ecdsa.file, pki.server_ecdsa.file)], trust=trust
    ).context
    assert tls.context.verify_mode is from_the_start.verify_mode
    assert tls.context.verify_flags == from_the_start.verify_flags
