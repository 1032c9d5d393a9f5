"""Deliberate mutants of what stands at the edges: the transport, the endpoint's guard, services and log, erasures,
what the ranker commits."""

from mutant import Mutant

TRANSPORT = ("tests/streams/test_batch_transport.py",)
GUARD = "tests/serving/endpoint/test_guard.py"
BACKGROUND = "tests/serving/endpoint/test_background.py"
ERASURES = ("tests/agents/followers/test_erasures.py",)
RANKER = ("tests/agents/training/test_ranker.py",)

SECRETS = "tests/ops/configuration/test_secret_files.py"
FACTS = "tests/ops/operator/doctor/test_what_facts_mean.py"

SECRETS_FILE = "ops/configuration/secret_files.py"
TRANSPORT_FILE = "streams/kafka/batch_transport.py"
KEYS_FILE = "serving/endpoint/guard/issuer_keys.py"
TOKENS_FILE = "serving/endpoint/guard/tokens.py"
LINES_FILE = "serving/endpoint/line_log.py"
SERVICES_FILE = "serving/endpoint/services.py"
ERASURES_FILE = "agents/followers/erasures.py"
RANKER_FILE = "agents/training/ranker.py"

EDGES = [
    # -- transport ------------------------------------------------------------------------------------------------
    Mutant(
        "aborted records read",
        TRANSPORT_FILE,
        "BatchConsumerThread._create_worker_consumer",
        '"read_committed"',
        '"read_uncommitted"',
        TRANSPORT,
    ),
    Mutant(
        "batches follow their own first record",
        TRANSPORT_FILE,
        "BatchConsumerThread._fetch_records",
        "RecordBatch(records, generation, follows, state.position, epoch)",
        "RecordBatch(records, generation, records[0].offset if records else follows, state.position, epoch)",
        TRANSPORT,
        is_core=True,
    ),
    Mutant(
        "handed over before the owner says where it goes on",
        TRANSPORT_FILE,
        "BatchConsumerThread._fetch_records",
        "generation != self._delivered_generation",
        "False",
        TRANSPORT,
    ),
    Mutant(
        "partitions of others sought",
        TRANSPORT_FILE,
        "BatchConsumerThread._seek_all",
        "tp in assigned",
        "True",
        TRANSPORT,
    ),
    Mutant(
        "paused partitions fetched",
        TRANSPORT_FILE,
        "BatchConsumerThread._fetch_records",
        "active_partitions, timeout = active_partitions - paused, PAUSED_POLL_S",
        "timeout = PAUSED_POLL_S",
        TRANSPORT,
    ),
    Mutant(
        "removed records not noticed",
        TRANSPORT_FILE,
        "BatchConsumerThread._fetch_records",
        "firsts[tp] > follows + MARKERS",
        "False",
        TRANSPORT,
    ),
    Mutant(
        "records that were read before read again",
        TRANSPORT_FILE,
        "BatchConsumerThread._fetch_records",
        "epoch != before or records[0].offset < follows",
        "epoch != before",
        TRANSPORT,
    ),
    Mutant(
        "what holds no record taken for unread",
        TRANSPORT_FILE,
        "BatchConsumerThread._fetch_records",
        "not records and not (state and state.has_valid_position and state.position > follows + MARKERS)",
        "not records or not (state and state.has_valid_position and state.position > follows + MARKERS)",
        TRANSPORT,
    ),
    # -- guard ----------------------------------------------------------------------------------------------------
    Mutant(
        "anybody reads anybody's list",
        TOKENS_FILE,
        "check_access",
        "user_id is not None and reader.subject != user_id and not reader.serves",
        "user_id is not None and False",
        (f"{GUARD}::test_ones_own_list_needs_ones_own_token",),
        is_core=True,
    ),
    Mutant(
        "a service reads what its scope does not say",
        TOKENS_FILE,
        "check_access",
        "user_id is not None or READ_SEGMENT not in reader.scopes",
        "READ_SEGMENT not in reader.scopes",
        (f"{GUARD}::test_a_token_opens_what_its_scopes_say",),
    ),
    Mutant(
        "any token reads counts",
        TOKENS_FILE,
        "check_access",
        "scope not in reader.scopes",
        "False",
        (f"{GUARD}::test_a_token_opens_what_its_scopes_say",),
    ),
    Mutant(
        "a remembered token lives for ever",
        TOKENS_FILE,
        "Tokens.reader",
        "known is not None and 0.0 < known[0] - time.time() <= REMEMBERED_S",
        "known is not None",
        (f"{GUARD}::test_a_remembered_token_still_expires",),
    ),
    Mutant(
        "withdrawn keys stay",
        KEYS_FILE,
        "IssuerKeys._fetch",
        "keys, time.monotonic()",
        "self._keys | keys, time.monotonic()",
        (f"{GUARD}::test_a_withdrawn_key_is_refused_soon_and_so_is_what_it_signed",),
    ),
    Mutant(
        "what a withdrawn key signed stays",
        KEYS_FILE,
        "IssuerKeys._fetch",
        "self._changed()",
        "",
        (f"{GUARD}::test_a_withdrawn_key_is_refused_soon_and_so_is_what_it_signed",),
    ),
    Mutant(
        "old keys trusted for ever",
        KEYS_FILE,
        "IssuerKeys.unusable",
        "age_s > self._stale_s",
        "False",
        (f"{GUARD}::test_an_issuer_that_is_away_locks_nobody_out_for_a_bounded_time",),
    ),
    Mutant(
        "a clock set back locks readers out",
        "serving/endpoint/guard/gcra.lua",
        "",
        "if noted > full then",
        "if false then",
        (f"{GUARD}::test_a_limit_survives_a_clock_of_redis_that_is_set_back",),
    ),
    # -- services and log -----------------------------------------------------------------------------------------
    Mutant(
        "ready although nothing is brought up to date",
        SERVICES_FILE,
        "Services.unready",
        "self.supervisor.failing.get(REFRESHER)",
        '""',
        (f"{BACKGROUND}::test_a_refresher_that_fails_makes_the_process_unready_until_it_works_again",),
    ),
    Mutant(
        "a failing refresh holds up the start",
        SERVICES_FILE,
        "Services._keep_fresh",
        "try:\n"
        "    await self.store.refresh()\n"
        "except RedisUnavailable as error:\n"
        "    log.debug('not refreshed: %s', error)\n"
        "finally:\n"
        "    self._tried.set()",
        "try:\n"
        "    await self.store.refresh()\n"
        "except RedisUnavailable as error:\n"
        "    log.debug('not refreshed: %s', error)\n"
        "else:\n"
        "    self._tried.set()",
        (f"{BACKGROUND}::test_a_failing_refresh_does_not_end_the_start",),
    ),
    Mutant(
        "lost lines not counted",
        LINES_FILE,
        "LineLog.close",
        "self.dropped += left",
        "pass",
        (f"{BACKGROUND}::test_lines_wait_for_a_full_disk_and_are_counted_when_it_stays_full",),
    ),
    Mutant(
        "a line that was written in part begun again",
        LINES_FILE,
        "LineLog._write_all",
        "self._unwritten[0] = line[taken:]",
        "pass",
        (BACKGROUND,),
    ),
    # -- erasures -------------------------------------------------------------------------------------------------
    Mutant(
        "an earlier erasure takes a later one back",
        ERASURES_FILE,
        "PartitionErasures.apply",
        "max(marker.end_offset, self.ends.get(user_id, 0))",
        "marker.end_offset",
        ERASURES,
        is_core=True,
    ),
    Mutant(
        "ids in disguise kept", ERASURES_FILE, "Erasures.cover", "self._covers(record, found.all)", "False", ERASURES
    ),
    Mutant(
        "originals published again folded",
        ERASURES_FILE,
        "Erasures.cover_republished",
        "self._covers(record, users_named(record.key, record.value))",
        "False",
        ERASURES,
    ),
    Mutant(
        "withdrawn erasures stay",
        ERASURES_FILE,
        "PartitionErasures.apply",
        "self.ends.pop(user_id, None)",
        "",
        ERASURES,
    ),
    # -- secrets and rights ----------------------------------------------------------------------------------------
    Mutant(
        "a secret in two places",
        SECRETS_FILE,
        "with_secrets",
        "given[name][1] == source",
        "False",
        (f"{SECRETS}::test_the_environment_wins_over_the_file_of_settings",),
    ),
    Mutant(
        "children are told where secrets were",
        "ops/processes/child_settings.py",
        "environment_of",
        "name.upper() not in FILES",
        "True",
        (f"{SECRETS}::test_from_a_file_it_is_the_same_and_never_shown",),
    ),
    Mutant(
        "Faust signs in as nobody",
        "streams/kafka/faust_credentials.py",
        "credentials_of",
        "security.username",
        '""',
        ("tests/streams/kafka/test_security.py::test_fausts_own_clients_show_the_same_as_ours",),
    ),
    Mutant(
        "a right that is denied counts",
        "ops/operator/doctor/kafka_acls.py",
        "_may",
        "not denied",
        "True",
        (f"{FACTS}::test_a_right_that_is_denied_lacks",),
    ),
    Mutant(
        "rights of another namespace count",
        "ops/operator/doctor/kafka_acls.py",
        "_covers",
        "not grant.prefixed and acl.name == grant.name",
        "not grant.prefixed",
        (f"{FACTS}::test_of_another_namespace_is_of_none",),
    ),
    Mutant(
        "a clock of the future is right",
        "ops/operator/doctor/kafka_servers.py",
        "_clock",
        "ahead_s > MAX_CLOCK_SKEW_S",
        "False",
        (f"{FACTS}::test_brokers",),
    ),
    # -- the ranker -----------------------------------------------------------------------------------------------
    Mutant(
        "weights not committed",
        RANKER_FILE,
        "RankerStep.effects",
        "changes.append((RANKER_KEY, self._learner.to_row()))",
        "pass",
        RANKER,
    ),
    Mutant(
        "a round of the ranker learned again",
        RANKER_FILE,
        "RankerStep.effects",
        "changes.append((ROUND_KEY, so_far))",
        "pass",
        ("tests/invariants/test_model.py::test_the_ranker_learns_each_example_once",),
    ),
    Mutant(
        "weights forgotten by a restart",
        RANKER_FILE,
        "RankerStep.reset",
        "Learner.start(self._first) if row is None else Learner.from_row(row, self._first)",
        "Learner.start(self._first)",
        RANKER,
    ),
]
