"""What an endpoint process needs to know; `ops` fills it in from the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Times in the unit of the name. `model_version` serves everyone until a live pointer says otherwise."""

    redis_url: str
    namespace: str = ""
    model_version: str = "v1"
    redis_deadline_ms: int = 25
    refresh_ms: int = 1000
    max_age_s: int = 1
    cors_origins: tuple[str, ...] = ()
