"""What the settings of Kafka must be together."""

import ssl
from collections.abc import Iterator

from ops.configuration.settings import Settings, variable

_OAUTH = ("kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret")
_USER = ("kafka_sasl_username", "kafka_sasl_password")
_FILES = ("kafka_tls_ca_file", "kafka_tls_cert_file", "kafka_tls_key_file")


def kafka_problems(settings: Settings) -> list[str]:
    """One sentence for each thing that is missing, has no effect or cannot be used."""
    security = settings.kafka.security
    found = list(_without_effect(settings, security.signs_in, security.encrypted))
    if security.signs_in:
        names = _OAUTH if security.mechanism == "OAUTHBEARER" else _USER
        with_what = f"{_shown(settings, 'kafka_security_protocol')} and {_shown(settings, 'kafka_sasl_mechanism')}"
        found += [f"{variable(name)} is needed with {with_what}" for name in names if not getattr(settings, name)]
    if security.encrypted:
        found += _unusable_files(settings)
    return found


def _without_effect(settings: Settings, signs_in: bool, encrypted: bool) -> Iterator[str]:
    by_oauth = settings.kafka_sasl_mechanism == "OAUTHBEARER"
    useless = [] if signs_in and not by_oauth else [*_USER]
    useless += [] if signs_in and by_oauth else [*_OAUTH]
    useless += [] if encrypted else [*_FILES]
    if not encrypted and signs_in and by_oauth:
        useless.remove("kafka_tls_ca_file")  # of the token endpoint
    for name in useless:
        if getattr(settings, name):
            yield (
                f"{variable(name)} has no effect with {_shown(settings, 'kafka_security_protocol')} and "
                f"{_shown(settings, 'kafka_sasl_mechanism')}"
            )


def _unusable_files(settings: Settings) -> Iterator[str]:
    if settings.kafka_tls_key_file is not None and settings.kafka_tls_cert_file is None:
        yield f"{variable('kafka_tls_key_file')} is set without {variable('kafka_tls_cert_file')}"
        return
    for name in _FILES:
        file = getattr(settings, name)
        if file is None:
            continue
        try:
            file.read_bytes()
        except OSError as problem:
            yield f"{variable(name)}={file} cannot be read: {problem.strerror}"
            return
    try:
        ssl.create_default_context(cafile=settings.kafka_tls_ca_file)
    except ssl.SSLError:
        yield f"{variable('kafka_tls_ca_file')}={settings.kafka_tls_ca_file} holds no certificates in PEM"
        return
    try:
        settings.kafka.security.tls()
    except ssl.SSLError as problem:
        files = f"{variable('kafka_tls_cert_file')} and {variable('kafka_tls_key_file')}"
        yield f"{files} are no certificate and its key in PEM: {problem.reason or problem}"


def _shown(settings: Settings, name: str) -> str:
    return f"{variable(name)}={getattr(settings, name)}"
