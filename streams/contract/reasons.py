"""Why a record cannot be used: the machine-readable reasons that dead letters carry."""

from enum import StrEnum


class Reason(StrEnum):
    """One word per way in which a record can be unusable. Values are a contract: operators alert on them."""

    NOT_JSON = "not_json"
    """No value, not UTF-8, or not one JSON text."""
    WRONG_TYPE = "wrong_type"
    """Not a JSON object, a field of another JSON type, or text that is no RFC 3339 timestamp."""
    MISSING_FIELD = "missing_field"
    """A required field is absent or null."""
    OUT_OF_RANGE = "out_of_range"
    """A number, id or code outside what the field allows."""
    TIMESTAMP_IN_SECONDS = "timestamp_in_seconds"
    """A number below 10^11: seconds since the epoch where milliseconds are expected."""
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    """More than 5 minutes ahead of the time the broker appended the record."""
    CONFLICTING_ITEM_ID = "conflicting_item_id"
    """`item_id` and its alias `content_id` differ."""
    CONFLICTING_COMPLETION = "conflicting_completion"
    """`completion_pct` and one of its aliases differ."""
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    """`event_type` is none of the known types."""
    KEY_MISMATCH = "key_mismatch"
    """The record key of a catalogue item or profile is absent or names another id than the value."""
    TOO_LARGE = "too_large"
    """The value is over 64 KiB, or the batch that the record came in unpacks to more than the limit."""
    DAMAGED = "damaged"
    """The record's bytes are not as Kafka writes them, or do not unpack: nothing of it could be read."""
    BAD_HEADER = "bad_header"
    """A header name that is not UTF-8, or a header named like one of ours with a value that we never write."""
    SELF_LINK = "self_link"
    """A link of an id with itself."""
    ALREADY_LINKED = "already_linked"
    """A link of a guest who is linked with another user already; that link holds."""
    LINK_CHAIN = "link_chain"
    """A link with a user who is linked as a guest, or of a guest with whom others are linked."""
    TOO_DEEP = "too_deep"
    """Arrays and objects nested more than 32 levels deep; records are flat."""
    WRONG_PARTITION = "wrong_partition"
    """The record is not in the partition that murmur2 of its user gives. Decided by the fold, and by whoever follows
    profiles."""
    TOO_OLD = "too_old"
    """Older than the retention behind the partition's watermark. Decided by the fold."""
    FOLD_FAILED = "fold_failed"
    """The record crashed the worker repeatedly. Decided by the crash-loop quarantine."""
    ERASED = "erased"
    """The dead letter was blanked because its user was erased; nothing of the original is left."""
    STORE_REFUSED = "store_refused"
    """A sink's store refused the record's rows. Workers used the record: it is not published again."""
    LIST_FAILED = "list_failed"
    """No list can be made for a user's row as of this record, which workers used. It is tried again by itself."""


class InvalidEvent(ValueError):
    """A record that cannot be used.

    `reason` is for machines, `detail` says which field and what was expected, for people.

    >>> str(InvalidEvent(Reason.OUT_OF_RANGE, "rating must be 0.5 to 5"))
    'out_of_range: rating must be 0.5 to 5'
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["InvalidEvent"], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)
