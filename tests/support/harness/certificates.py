"""A certificate authority of a test's own, and the certificate of a server of this machine."""

import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

NOW = datetime.datetime.now(datetime.UTC)


class Certificates(NamedTuple):
    """Files: the authority's certificate, and the server's key and certificate, as PEM."""

    authority: Path
    server: Path

    def key_store(self, password: str) -> Path:
        """The server's key and certificate in a file that Java reads."""
        pem = self.server.read_bytes()
        key: Any = serialization.load_pem_private_key(pem, None)
        encryption = serialization.BestAvailableEncryption(password.encode())
        store = self.server.with_suffix(".p12")
        certificate = x509.load_pem_x509_certificate(pem)
        store.write_bytes(pkcs12.serialize_key_and_certificates(b"server", key, certificate, None, encryption))
        return store


def new_authority(folder: Path, host: str = "127.0.0.1") -> Certificates:
    """A new authority, and what it gives to a server at `host`, an address."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    root = _builder(name, name, authority.public_key()).add_extension(x509.BasicConstraints(True, None), True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
    leaf = _builder(subject, name, server.public_key()).add_extension(names, False)
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificates(folder / "ca.pem", folder / "server.pem")
    made.authority.write_bytes(root.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    key = server.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.server.write_bytes(key + leaf.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return made


def _builder(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    start, end = NOW - datetime.timedelta(hours=1), NOW + datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
