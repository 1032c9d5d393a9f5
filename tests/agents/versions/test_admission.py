"""Who may join a version: a worker with the version's code, settings and partitions, and nobody else."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from agents import admission
from agents.admission import NotAdmitted, admit
from agents.fingerprint import Fingerprint, digest, of_worker
from agents.registry import change_registry, read_registry
from agents.worker_config import WorkerConfig
from ops.local_stack.stack import LocalStack
from serving.registry import VersionRecord
from streams.identities import Identities
from streams.topics import Topics
from streams.topics_admin import ensure_topics


def config_for(bootstrap: str, namespace: str) -> WorkerConfig:
    return WorkerConfig(
        bootstrap=bootstrap,
        redis_url="redis://unused",
        topics=Topics(namespace),
        partitions=2,
        batch_max_records=50,
        list_size=10,
        list_ttl_s=60,
        list_expires_s=60,
        allowed_lateness_s=300,
        retention_days=90,
        active_days=30,
        item_model_interval_s=1.0,
        item_model_budget_bytes_per_s=1_000_000,
        session_timeout_s=6.0,
        replay_max_skew_s=3600,
        replay_refit_growth=4.0,
        data_dir=Path("unused"),
    )


def test_comments_and_layout_do_not_change_a_digest_but_code_does() -> None:
    source = "def f(x):\n    return x + 1\n"
    assert digest(source) == digest("def f( x ):  # why\n\n        return x+1\n")
    assert digest(source) != digest("def f(x):\n    pass\nreturn x + 1\n")
    assert digest(source) != digest(source.replace("+ 1", "+ 2"))


def test_differences_name_the_file_and_the_setting() -> None:
    version = Fingerprint({"tables/a.py": "1", "tables/b.py": "1"}, {"partitions": 4})
    mine = Fingerprint({"tables/a.py": "2", "tables/b.py": "1"}, {"partitions": 8})
    assert version.differences(mine) == ["tables/a.py differs", "partitions is 8, the version's is 4"]
    assert version.differences(Fingerprint.decode(version.encode())) == []


def test_the_fingerprint_covers_the_code_that_folds_and_ranks() -> None:
    files = of_worker(config_for("unused:1", "")).files
    assert {"tables/user_plane.py", "ranking/pipeline.py", "streams/events.py"} <= files.keys()


def test_workers_with_other_secrets_differ_without_telling_them() -> None:
    plain = config_for("unused:1", "")
    one, two = (replace(plain, identities=Identities(bytes([number]) * 32)) for number in (65, 66))
    for mine, theirs in ((plain, one), (one, plain), (one, two)):
        (line,) = of_worker(mine).differences(of_worker(theirs))
        assert line.startswith("user_id_key is ")
        assert "AAAA" not in line
        assert "BBBB" not in line
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
    changed.files["tables/user_plane.py"] = "changed"
    monkeypatch.setattr(admission, "of_worker", lambda _: changed)
    with pytest.raises(NotAdmitted, match=r"tables/user_plane\.py differs"):
        await admit(config)
    second = replace(config, topics=Topics(namespace, "v2"))  # another version is free to differ
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
