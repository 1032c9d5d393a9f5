"""Promotes, rolls back and retires: the registry first, then Redis, so that what Redis says is always recorded."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from agents.versions.live_pointer import LivePointerKeeper
from agents.versions.registry import RegistryBusy, change_registry, read_registry
from offline.versions.gate import GateLimits, PromotionEvidence, reasons_against
from offline.versions.switching import Refused, SwitchDecision, check_retirable, promote, rollback
from offline.versions.verdict import only_undecided
from ops.exit_codes import CommandFailed
from ops.operator.experiments.fitting_versions import differ_in_known_users
from ops.operator.experiments.lifecycle import read_experiments
from ops.operator.versions.evidence import read_evidence
from ops.operator.versions.figures import record
from ops.operator_name import operator_name
from serving.keys import Keys
from serving.live_pointer import InvalidPointer, LivePointer
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from serving.registry import FINGERPRINT, Registry, Switch, VersionRecord, figures_record
from streams.kafka.exclusive_change import Change
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import RemovalReport, delete_version

logger = logging.getLogger(__name__)

T = TypeVar("T")


class NotSwitched(CommandFailed):
    """The switch was refused, for each of `reasons`; the message holds them all."""

    def __init__(self, what: str, reasons: Sequence[str] = ()) -> None:
        super().__init__("\n".join([what, *(f"  - {reason}" for reason in reasons)]))
        self.reasons = list(reasons) or [what]


class Switching:
    """What the commands need to switch versions in one namespace."""

    def __init__(self, bootstrap: str, redis_url: str, namespace: str, limits: GateLimits | None = None) -> None:
        self._bootstrap = bootstrap
        self._redis_url = redis_url
        self._namespace = namespace
        self._limits = limits or GateLimits()

    async def registry(self) -> Registry:
        """As of now. Raises `TopicMissing`."""
        return await read_registry(self._bootstrap, Topics(self._namespace))

    async def evidence(self, registry: Registry, version: str, limits: GateLimits) -> PromotionEvidence:
        """What is known of `version`. Raises `TopicMissing` and redis exceptions."""
        topics = Topics(self._namespace, version)
        return await read_evidence(self._bootstrap, self._redis_url, topics, registry, limits)

    async def promote(self, version: str, percent: int, *, force: bool) -> Switch:
        """Gives `percent` of the users to `version`. Raises `NotSwitched`."""
        registry = await self.registry()
        decision = await self._decision()
        _or_refuse(lambda: promote(registry, version, percent, decision))
        evidence = await self.evidence(registry, version, self._limits)
        reasons = reasons_against(evidence, self._limits) + await self._disagreements(registry, version)
        figures = _figures(evidence, reasons)
        await record(self._bootstrap, self._namespace, {version: {"gate": figures}})
        if reasons and not force:
            raise NotSwitched(f"{version} is not promoted{' yet' * only_undecided(reasons)}:", reasons)
        decided = replace(decision, forced=bool(reasons), figures=figures)
        return await self._switch(lambda found: promote(found, version, percent, decided))

    async def _disagreements(self, registry: Registry, version: str) -> list[str]:
        """Running experiments on new users, whose users a switch would change."""
        experiments = await read_experiments(self._bootstrap, Topics(self._namespace))
        about = [known.experiment_id for known in experiments.running if known.targeting.users != "all"]
        serving = [name for name in registry.versions if registry.weight_of(name) and name != version]
        if not about or not await differ_in_known_users(
            self._bootstrap, self._namespace, registry, [*serving, version]
        ):
            return []
        return [
            f"{version} does not know users since the same time, and {', '.join(about)} asks who is new: stop it first"
        ]

    async def rollback(self) -> Switch:
        """Gives everybody back to the version before. Raises `NotSwitched`."""
        decision = await self._decision()
        return await self._switch(lambda found: rollback(found, decision))

    async def retire(self, version: str, timeout_s: float) -> tuple[RemovalReport, int]:
        """Ends the version's workers and frees its group, topics and keys; what went, and how many keys.

        May be repeated after it was interrupted. Raises `NotSwitched` and `KafkaError`.
        """
        topics, keys = Topics(self._namespace, version), Keys(self._namespace, version)
        experiments = await read_experiments(self._bootstrap, topics)
        if version in experiments.versions:
            raise NotSwitched(f"a running experiment serves users from {version}: `freshet experiment list` names it")
        await self._change(lambda found: _begin_retirement(found, version))
        removed = await asyncio.to_thread(delete_version, self._bootstrap, topics, timeout_s)
        writer = self._writer(keys)
        try:
            purged = await writer.purge_version()
        finally:
            await writer.close()
        await self._change(lambda found: _end_retirement(found, version))
        return removed, purged

    async def _decision(self) -> SwitchDecision:
        who = operator_name()
        return SwitchDecision(who, time.time_ns() // 1_000_000, after=await self._stored_sequence())

    async def _switch(self, decide: Callable[[Registry], Switch]) -> Switch:
        registry = await self._change(lambda found: [decide(found).record()])
        switch = registry.current
        assert switch is not None, "a switch was just recorded"
        keys = Keys(self._namespace)
        writer = self._writer(keys)
        try:
            await LivePointerKeeper(writer, keys, lambda: switch).restore()
        except RedisUnavailable as error:
            logger.warning("recorded; Redis does not answer (%s), a worker will switch it", error)
        finally:
            await writer.close()
        return switch

    async def _change(self, decide: Callable[[Registry], list[Change]]) -> Registry:
        try:
            return await change_registry(
                self._bootstrap, Topics(self._namespace), lambda found: _or_refuse(lambda: decide(found))
            )
        except RegistryBusy as error:
            raise NotSwitched(str(error)) from error

    async def _stored_sequence(self) -> int:
        writer = self._writer(Keys(self._namespace))
        try:
            value = await writer.read(writer.keys.live)
            return 0 if value is None else LivePointer.decode(value).sequence
        except (InvalidPointer, RedisUnavailable):
            return 0
        finally:
            await writer.close()

    def _writer(self, keys: Keys) -> ListWriter:
        return ListWriter.connect(self._redis_url, keys)


def _or_refuse(decide: Callable[[], T]) -> T:
    try:
        return decide()
    except Refused as refusal:
        raise NotSwitched(str(refusal)) from refusal


def _figures(evidence: PromotionEvidence, reasons: list[str]) -> dict[str, Any]:
    """What is kept with a switch."""
    ages = [behind.age_ms for behind in evidence.behind]
    return {
        "workers": evidence.workers,
        "behind_ms": None if None in ages else max((age for age in ages if age is not None), default=0),
        "failed_folds": evidence.failed_folds,
        "lists": None if evidence.lists is None else evidence.lists.summary(),
        "quality": None if evidence.quality is None else evidence.quality.as_dict(evidence.live or ""),
        "more_rejected": evidence.more_rejected,
        "undecided": only_undecided(reasons),
        "against": reasons,
    }


def _begin_retirement(registry: Registry, version: str) -> list[Change]:
    check_retirable(registry, version)
    if registry.is_retired(version):
        return []
    now_ms = time.time_ns() // 1_000_000
    known = registry.records.get(version) or VersionRecord(now_ms, "unknown")
    return [msgspec.structs.replace(known, retired_ms=now_ms).record(version)]


def _end_retirement(registry: Registry, version: str) -> list[Change]:
    record = msgspec.structs.replace(registry.records[version], removed=True)
    return [record.record(version), (f"{FINGERPRINT}:{version}".encode(), None), figures_record(version, None)]
