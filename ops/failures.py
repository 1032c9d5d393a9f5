"""What went wrong at the edge of this machine, as one sentence that names the setting: for `main`, which otherwise
would have to take it for a mistake of ours.

Most commands say so themselves. This is for what can fail anywhere: a folder of the settings that cannot be used, and
servers that refuse or do not answer.
"""

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agents.retention.errors import StorageAddressError, StorageError
from ops.exit_codes import CommandFailed, ExitCode
from streams.kafka.errors import KafkaError

if TYPE_CHECKING:
    from ops.configuration.settings import Settings

#: What a setting is to blame for; a disk that is full or broken is none of these.
_OF_PLACES = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP,
    errno.ENAMETOOLONG,
}  # fmt: skip
#: Settings that name a folder or a file, the most special first: the one in the other is asked first.
_PLACES = ("endpoint_metrics_dir", "endpoint_jwt_key_file", "data_dir", "state_dir")


def told_failure(failure: Exception) -> tuple[str, ExitCode] | None:
    """What a command that ends so says, and its exit code; None for a mistake of ours, which 1 would hide."""
    if isinstance(failure, CommandFailed):
        return str(failure), failure.code
    if isinstance(failure, StorageAddressError):
        return f"FRESHET_STORAGE_URL: {failure}", ExitCode.USAGE
    if isinstance(failure, StorageError):
        return str(failure), ExitCode.CHECK_FAILED
    if isinstance(failure, KafkaError):
        return str(failure), ExitCode.USAGE if failure.refused else ExitCode.UNREACHABLE
    return sentence_of(failure)


def sentence_of(failure: Exception) -> tuple[str, ExitCode] | None:
    """Of what may fail anywhere: the sentence and the exit code; None when it is nothing of the kind."""
    if isinstance(failure, OSError) and failure.filename is not None and failure.errno in _OF_PLACES:
        return _of_place(failure)
    if sentence := _of_kafka(failure):
        return sentence
    redis = sys.modules.get("redis.exceptions")  # nobody can have raised what nobody imported
    if redis is not None and isinstance(failure, redis.RedisError):
        from ops.redis_check import refusal_of

        return refusal_of(failure), ExitCode.UNREACHABLE
    errors = sys.modules.get("serving.redis_errors")
    if errors is not None and isinstance(failure, errors.RedisUnavailable):
        from ops.configuration.settings import variable

        return f"{variable('redis_url')}: Redis does not answer: {failure}", ExitCode.UNREACHABLE
    sinks = sys.modules.get("streams.sinks.sink")
    if sinks is not None and isinstance(failure, sinks.StoreUnavailable):
        return str(failure), ExitCode.UNREACHABLE
    return None


def _of_kafka(failure: Exception) -> tuple[str, ExitCode] | None:
    errors = sys.modules.get("aiokafka.errors")
    if errors is None:
        return None
    if isinstance(failure, errors.KafkaConnectionError):
        from ops.configuration.settings import variable

        return f"{variable('kafka_bootstrap')}: Kafka does not answer: {failure}", ExitCode.UNREACHABLE
    if isinstance(
        failure,
        errors.TopicAuthorizationFailedError
        | errors.GroupAuthorizationFailedError
        | errors.ClusterAuthorizationFailedError
        | errors.TransactionalIdAuthorizationFailed,
    ):
        return f"Kafka does not allow this: {failure}; `freshet acls` prints what each role needs", ExitCode.USAGE
    return None


def _of_place(failure: OSError) -> tuple[str, ExitCode] | None:
    from ops.configuration.settings import NO_HOME, NO_HOME_PROBLEM, variable
    from ops.configuration.settings_sources import SettingsError, load_settings

    try:
        settings = load_settings()
    except SettingsError:
        return None
    path = Path(str(failure.filename)).absolute()
    if path.is_relative_to(NO_HOME):
        return NO_HOME_PROBLEM, ExitCode.USAGE
    name = _setting_of(path, settings)
    if name is None:
        return None
    at = "" if str(path) == str(getattr(settings, name, "")) else f": {path}"
    return f"{variable(name)}={_shown(settings, name)} cannot be used{at}: {failure.strerror}", ExitCode.USAGE


def _shown(settings: "Settings", name: str) -> str:
    return settings.storage if name == "storage_url" else str(getattr(settings, name))


def _setting_of(path: Path, settings: "Settings") -> str | None:
    places = {name: place for name in _PLACES if (place := getattr(settings, name)) is not None}
    if "://" not in settings.storage:
        places = {"storage_url": Path(settings.storage)} | places if settings.storage_url else places
    return next((name for name, place in places.items() if _touches(path, place.absolute())), None)


def _touches(path: Path, place: Path) -> bool:
    """Whether it is in there, or on the way: of a folder whose parent cannot be used the parent is named."""
    return path.is_relative_to(place) or place.is_relative_to(path)
