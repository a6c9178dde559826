"""Makes the certificates and host keys that the devices show; once a process, with elliptic curves, which is fast."""

import functools
import ssl
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncssh


@functools.cache
def server_context(organization: str, common_name: str, not_before: str, not_after: str) -> ssl.SSLContext:
    """The server side of TLS with a self-signed certificate of that subject; dates are ISO 8601 with a zone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromisoformat(not_before))
        .not_valid_after(datetime.fromisoformat(not_after))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="sohoaudit-demo-") as folder:
        path = Path(folder) / "both.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(path)
    return context


@functools.cache
def host_key(owner: str) -> "asyncssh.SSHKey":
    """The SSH host key of one device, the same for as long as the process lives."""
    import asyncssh

    return asyncssh.generate_private_key("ssh-ed25519", comment=owner)
