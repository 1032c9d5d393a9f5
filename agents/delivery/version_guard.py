"""Refuses to start on library versions whose private methods this package was not tested with."""

from importlib.metadata import version

#: The delivery design leans on private methods of these two; `tests/agents` and `tests/chaos` ran on exactly these.
TESTED_VERSIONS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}


class UntestedVersion(RuntimeError):
    """An installed library is not the version that the delivery guarantees were tested with."""


def check_versions(installed: dict[str, str] | None = None) -> None:
    """Raises `UntestedVersion` unless every library in `TESTED_VERSIONS` is installed in exactly that version."""
    found = installed if installed is not None else {name: version(name) for name in TESTED_VERSIONS}
    wrong = {name: found.get(name, "none") for name, wanted in TESTED_VERSIONS.items() if found.get(name) != wanted}
    if wrong:
        listing = ", ".join(f"{name} {have} (tested: {TESTED_VERSIONS[name]})" for name, have in wrong.items())
        raise UntestedVersion(
            f"{listing}. Exactly-once delivery overrides private methods of these libraries: install the tested "
            "versions, or run tests/agents and tests/chaos on the new ones and change TESTED_VERSIONS."
        )
