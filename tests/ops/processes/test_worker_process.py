"""What a worker is told is what the settings say."""

import asyncio
import gc
import logging
from dataclasses import fields

import pytest
from aiokafka.errors import ProducerFenced

from ops.configuration.settings import Settings
from ops.processes.worker_process import is_news, rerank_settings, worker_config
from ranking.rerank.settings import RerankSettings


def test_the_rules_that_are_in_force_without_any_setting_are_the_rules_defaults() -> None:
    assert worker_config(Settings()).rerank == RerankSettings()


def test_every_strength_of_a_rule_is_a_setting() -> None:
    off = RerankSettings.off()
    given = {f"rerank_{field.name}": getattr(off, field.name) for field in fields(off)}
    assert rerank_settings(Settings(**given)) == off


@pytest.mark.parametrize(("error", "said"), [(ProducerFenced(), 0), (ValueError("odd"), 1)])
async def test_what_a_fenced_producer_leaves_behind_is_no_news(
    error: Exception, said: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logging.getLogger("asyncio")
    monkeypatch.setattr(log, "disabled", False)  # as a server's own configuration of logs may have left it
    caplog.set_level(logging.ERROR, log.name)
    log.addFilter(is_news)
    try:
        asyncio.get_running_loop().create_future().set_exception(error)  # nobody reads it
        gc.collect()
    finally:
        log.removeFilter(is_news)
    assert sum("never retrieved" in entry.message for entry in caplog.records) == said
