"""Who may join a version: a worker with the version's code, settings and partitions, and nobody else."""

import asyncio
from dataclasses import replace

import pytest
from small_sequence_model import small_sequence_model
from small_worker_config import config_for

from agents.versions import admission
from agents.versions.admission import NotAdmitted, admit
from agents.versions.fingerprint import Fingerprint, of_worker
from agents.versions.registry import change_registry, read_registry
from ops.local_stack.stack import LocalStack
from ranking.rerank.settings import RerankSettings
from serving.registry import VersionRecord
from streams.contract.identities import Identities
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics
from tables.fold_version import FOLD_VERSION, ITEM_FOLD_VERSION


def test_differences_name_the_fold_and_the_setting() -> None:
    version = Fingerprint({"partitions": 4}, {"user_fold": 2, "item_fold": 1})
    mine = Fingerprint({"partitions": 8}, {"user_fold": 3, "item_fold": 1})
    assert version.differences(mine) == [
        "user_fold is 3, the version's is 2",
        "partitions is 8, the version's is 4",
    ]
    assert version.differences(Fingerprint.decode(version.encode())) == []


def test_a_worker_is_known_by_the_numbers_of_its_folds_and_by_nothing_else_of_its_code() -> None:
    assert of_worker(config_for("unused:1", "")).folds == {"user_fold": FOLD_VERSION, "item_fold": ITEM_FOLD_VERSION}


def test_a_rule_for_lists_that_a_release_brings_or_takes_away_bars_nobody() -> None:
    config = config_for("unused:1", "")
    mine = of_worker(config)
    for settings in (
        {name: value for name, value in mine.settings.items() if name != "rerank_explore_items"},
        {**mine.settings, "rerank_of_a_former_release": 0.5},
    ):
        other = Fingerprint(settings, mine.folds)
        assert other.differences(mine) == mine.differences(other) == []
    theirs = of_worker(replace(config, rerank=RerankSettings.off()))
    assert "rerank_explore_items is 3, the version's is 0" in theirs.differences(mine)  # they were set otherwise
    for name in ("partitions", "allowed_lateness_s", "retention_days", "user_id_key", "list_size"):
        other = Fingerprint({key: value for key, value in mine.settings.items() if key != name}, mine.folds)
        assert len(other.differences(mine)) == 1


FORMER = b'{"files": {"tables/user_plane.py": "63fb1c3d7c1ab7d4"}, "settings": {"partitions": 4}}'


def test_a_version_of_a_release_that_compared_source_files_is_read_and_refused_in_one_sentence() -> None:
    version = Fingerprint.decode(FORMER)
    mine = Fingerprint({"partitions": 8}, {"user_fold": 1})
    assert version.differences(mine) == [
        "its folds are not numbered, because a release that compared source files began it",
        "partitions is 8, the version's is 4",
    ]


def test_workers_with_other_secrets_differ_without_telling_them() -> None:
    plain = config_for("unused:1", "")
    one, two = (replace(plain, identities=Identities(bytes([number]) * 32)) for number in (65, 66))
    for mine, theirs in ((plain, one), (one, plain), (one, two)):
        (line,) = of_worker(mine).differences(of_worker(theirs))
        assert line.startswith("user_id_key is ")
        assert "AAAA" not in line
        assert "BBBB" not in line
    assert of_worker(one).differences(of_worker(one)) == []


def test_workers_with_other_sequence_models_differ_and_those_without_are_as_before() -> None:
    plain = config_for("unused:1", "")
    assert "sequence_model" not in of_worker(plain).settings
    one, two = (replace(plain, sequence_model=small_sequence_model(["a", "b"], seed)) for seed in (1, 2))
    for mine, theirs in ((plain, one), (one, plain), (one, two)):
        (line,) = of_worker(mine).differences(of_worker(theirs))
        assert line.startswith("sequence_model is ")
        assert of_worker(mine).of_rows().differences(of_worker(theirs).of_rows()) == [], "rows do not depend on it"
    assert of_worker(one).differences(of_worker(one)) == []


@pytest.mark.stack
async def test_only_the_versions_own_code_settings_and_partitions_are_admitted(
    stack: LocalStack, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_for(stack.bootstrap, namespace)
    await asyncio.to_thread(ensure_topics, stack.bootstrap, config.topics, 2, 1, 30.0)
    await asyncio.gather(admit(config), admit(config))  # the first two race
    with pytest.raises(NotAdmitted, match="retention_days is 30, the version's is 90"):
        await admit(replace(config, retention_days=30))
    with pytest.raises(NotAdmitted, match="has 2 partitions, FRESHET_PARTITIONS is 4"):
        await admit(replace(config, partitions=4))
    changed = of_worker(config)
    changed.folds["user_fold"] += 1
    monkeypatch.setattr(admission, "of_worker", lambda _: changed)
    with pytest.raises(NotAdmitted, match=rf"user_fold is {FOLD_VERSION + 1}, the version's is {FOLD_VERSION}\."):
        await admit(config)
    second = replace(config, topics=Topics(namespace, "v2"))  # another version is free to differ
    await asyncio.to_thread(ensure_topics, stack.bootstrap, second.topics, 2, 1, 30.0)
    await admit(second)


@pytest.mark.stack
async def test_a_version_that_a_former_release_began_is_answered_by_a_new_version(
    stack: LocalStack, namespace: str
) -> None:
    config = config_for(stack.bootstrap, namespace)
    await asyncio.to_thread(ensure_topics, stack.bootstrap, config.topics, 2, 1, 30.0)
    await change_registry(stack.bootstrap, config.topics, lambda _: [(b"fingerprint:v1", FORMER)])
    with pytest.raises(NotAdmitted, match=r"v1 was .*: its folds are not numbered, .* new FRESHET_MODEL_VERSION"):
        await admit(config)
    second = replace(config, topics=Topics(namespace, "v2"))
    await asyncio.to_thread(ensure_topics, stack.bootstrap, second.topics, 2, 1, 30.0)
    await admit(second)


@pytest.mark.stack
async def test_no_worker_joins_a_version_that_is_being_filled(stack: LocalStack, namespace: str) -> None:
    config = config_for(stack.bootstrap, namespace)
    await asyncio.to_thread(ensure_topics, stack.bootstrap, config.topics, 2, 1, 30.0)
    record = VersionRecord(1, "me", snapshot="s1", filled=False)
    await change_registry(stack.bootstrap, config.topics, lambda _: [record.record("v1")])
    with pytest.raises(NotAdmitted, match="version v1 is being filled from the snapshot s1"):
        await admit(config)
    assert not (await read_registry(stack.bootstrap, config.topics)).fingerprints
    filled = VersionRecord(1, "me", snapshot="s1")
    await change_registry(stack.bootstrap, config.topics, lambda _: [filled.record("v1")])
    await admit(config)
