"""What a worker is told is what the settings say."""

from dataclasses import fields

from ops.settings import Settings
from ops.worker_process import rerank_settings, worker_config
from ranking.rerank.settings import RerankSettings


def test_the_rules_that_are_in_force_without_any_setting_are_the_rules_defaults() -> None:
    assert worker_config(Settings()).rerank == RerankSettings()


def test_every_strength_of_a_rule_is_a_setting() -> None:
    off = RerankSettings.off()
    given = {f"rerank_{field.name}": getattr(off, field.name) for field in fields(off)}
    assert rerank_settings(Settings(**given)) == off
