"""When a disk has too little room."""

from ops.operator.doctor.finding import HealthFinding, State

#: Shares of a disk that are free; below, something is to be done soon, or now.
LOW, LOWEST = 0.15, 0.05


def disk_finding(about: str, where: str, usable_bytes: int, total_bytes: int, advice: str) -> HealthFinding:
    """What is free of `where`; `total_bytes` is 1 or more."""
    share = usable_bytes / total_bytes
    found = f"{where}: {usable_bytes / 2**30:.1f} of {total_bytes / 2**30:.1f} GiB are free"
    state: State = "wrong" if share < LOWEST else "warning" if share < LOW else "good"
    return HealthFinding(about, state, found, "" if state == "good" else advice)
