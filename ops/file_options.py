"""`--encoding` and `--delimiter`: how somebody else wrote a file."""

import typer

_NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|"}


def encoding_option(name: str | None) -> str | None:
    """The encoding's name as Python has it; None when none is said. Raises `typer.BadParameter`."""
    from streams.contract.plain_bytes import known_encoding

    try:
        return None if name is None else known_encoding(name)
    except ValueError as problem:
        raise typer.BadParameter(f"--encoding: {problem}") from None


def delimiter_option(text: str | None) -> str | None:
    """The one character between values; None when none is said. Raises `typer.BadParameter`.

    >>> delimiter_option("tab"), delimiter_option(";")
    ('\\t', ';')
    """
    if text is None:
        return None
    delimiter = _NAMES.get(text.lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise typer.BadParameter(
            f"--delimiter: {text!r} is no single character, nor tab, comma, semicolon, space, pipe"
        )
    return delimiter
