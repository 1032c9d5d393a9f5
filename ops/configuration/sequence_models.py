"""The sequence model that FRESHET_SEQUENCE_MODEL names, read and checked."""

import fsspec

from ops.configuration.settings import Settings, variable
from ops.exit_codes import CommandFailed, ExitCode
from tables.sequence.sequence_model import SequenceModel, UnusableSequenceModel


class CannotUseSequenceModel(CommandFailed):
    """The file is not there, or no model that this release can rank with."""

    code = ExitCode.USAGE


def sequence_model_of(settings: Settings) -> SequenceModel | None:
    """The model of the settings; None when they name none. Raises `CannotUseSequenceModel`."""
    address = settings.sequence_model
    return read_sequence_model(address, variable("sequence_model")) if address else None


def read_sequence_model(address: str, named_by: str) -> SequenceModel:
    """The model in a file, a path or an address, that the setting or option `named_by` names. Raises
    `CannotUseSequenceModel`."""
    try:
        with fsspec.open(address, "rb") as file:
            return SequenceModel.decode(file.read())
    except UnusableSequenceModel as problem:
        raise CannotUseSequenceModel(f"{named_by}={address} is no sequence model to rank with: {problem}") from None
    except (OSError, ImportError, ValueError) as problem:
        raise CannotUseSequenceModel(f"{named_by}={address} cannot be read: {problem}") from None
