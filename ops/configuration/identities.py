"""How this installation names users in what it derives: from the settings."""

from ops.configuration.settings import Settings
from streams.contract.identities import PLAIN, Identities


def identities_of(settings: Settings) -> Identities:
    """Hashed with the secret of the settings, plain without one."""
    secret = settings.user_id_secret
    return Identities(secret.get_secret_value().encode()) if secret is not None else PLAIN
