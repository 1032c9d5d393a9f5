"""How this installation names users in what it derives: from the settings."""

from ops.configuration.settings import Settings, variable
from ops.configuration.settings_sources import SettingsError
from streams.contract.identities import MIN_SECRET_BYTES, PLAIN, Identities


def identities_of(settings: Settings) -> Identities:
    """Hashed with the secret of the settings or of the file that they name, plain without one. Raises SettingsError."""
    if settings.user_id_secret is not None:
        return Identities(settings.user_id_secret.get_secret_value().encode())
    file = settings.user_id_secret_file
    if file is None:
        return PLAIN
    name = variable("user_id_secret_file")
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        raise SettingsError([f"{name}={file}: {error.strerror}"]) from None
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError([f"{name}={file} holds less than {MIN_SECRET_BYTES} bytes"])
    return Identities(secret)
