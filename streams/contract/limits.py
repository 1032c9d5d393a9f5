"""What a process allows itself when it reads; set once, at its start, from the settings."""

from dataclasses import dataclass
from typing import Final


@dataclass
class ReadLimits:
    """`batch_bytes` is what a batch of records may unpack to."""

    batch_bytes: int = 64 * 1024 * 1024


LIMITS: Final = ReadLimits()
