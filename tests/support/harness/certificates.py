"""A certificate authority of a test's own, and what it signs."""

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
    authority = Authority(folder)
    return Certificates(authority.file, authority.server(host))


class Authority:
    """`file` holds its certificate, for those who trust it; everything is PEM and below `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("tests")
        root = self._builder("tests", self._key).add_extension(x509.BasicConstraints(True, None), True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._signed(root))

    def server(self, host: str = "127.0.0.1") -> Path:
        """A file with the key and the certificate of a server at `host`, an address."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        return self._pair("server", names)

    def client(self, name: str) -> Path:
        """A file with the key and the certificate of a client, whose common name is `name`."""
        return self._pair(name, x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]))

    def _pair(self, name: str, extension: x509.ExtensionType) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self._folder / f"{name}.pem"
        file.write_bytes(private + self._signed(self._builder(name, key).add_extension(extension, False)))
        return file

    def _builder(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        start, end = NOW - datetime.timedelta(hours=1), NOW + datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(_named(name)).issuer_name(self._name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(start).not_valid_after(end)

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
