"""Whether somebody may do what each role must, and nobody may do everything."""

from collections.abc import Iterable, Iterator

from ops.operator.doctor.finding import HealthFinding, named
from ops.operator.doctor.kafka_facts import Acl
from streams.kafka.roles import Grant, Role, grants
from streams.kafka.topics import Topics

EVERYBODY = "User:*"
_ANY_NAME = "*"
_IMPLY_DESCRIBE = ("Read", "Write", "Delete", "Alter")


def acl_findings(authorizes: bool | None, acls: Iterable[Acl], topics: Topics, local: bool) -> Iterator[HealthFinding]:
    """One finding a role. `local`: the brokers are this machine's alone, where nobody else is."""
    if authorizes is None:
        advice = "ask as somebody who may describe the cluster: `freshet acls --role operator`"
        yield HealthFinding("acls", "warning", "are not told to this user", advice)
    elif not authorizes:
        if local:
            yield HealthFinding("acls", "good", "no authorizer, on a server of this machine alone")
        else:
            advice = "docs/security.md: set authorizer.class.name, and grant what `freshet acls` prints"
            yield HealthFinding("acls", "warning", "no authorizer: whoever connects may write lists", advice)
    else:
        yield from _by_role(tuple(acls), topics)


def _by_role(acls: tuple[Acl, ...], topics: Topics) -> Iterator[HealthFinding]:
    everybodys = sorted(
        {
            f"{grant.resource} {grant.name}"
            for grant in grants(Role.OPERATOR, topics)
            for operation in ("Write", "Delete", "Create")
            if _may(EVERYBODY, acls, grant, operation)
        }
    )
    if everybodys:
        advice = f"remove the ACLs of {EVERYBODY} with kafka-acls.sh"
        yield HealthFinding("acls", "wrong", f"everybody may write {named(everybodys)}", advice)
    principals = sorted({acl.principal for acl in acls if acl.allows} - {EVERYBODY})
    for role in Role:
        lacking = {who: missing(role, who, acls, topics) for who in principals}
        able = [who for who, lacks in lacking.items() if not lacks]
        if able:
            yield HealthFinding("acls", "good", f"{role}: {named(able)}")
            continue
        advice = f"grant what `freshet acls --role {role}` prints, unless a super user does this work"
        closest = min(lacking, key=lambda who: len(lacking[who]), default=None)
        wanted = sum(len(grant.operations) for grant in grants(role, topics))
        if closest is None or len(lacking[closest]) * 2 > wanted:
            yield HealthFinding("acls", "warning", f"{role}: nobody may do this work", advice)
        else:
            yield HealthFinding("acls", "warning", f"{role}: {closest} lacks {named(lacking[closest])}", advice)


def missing(role: Role, principal: str, acls: tuple[Acl, ...], topics: Topics) -> list[str]:
    """What the role needs and the principal may not, in words."""
    return [
        f"{operation} on {grant.resource} {grant.name}{'*' if grant.prefixed else ''}"
        for grant in grants(role, topics)
        for operation in grant.operations
        if not _may(principal, acls, grant, operation)
    ]


def _may(principal: str, acls: tuple[Acl, ...], grant: Grant, operation: str) -> bool:
    of_it = [acl for acl in acls if acl.principal in (principal, EVERYBODY) and acl.resource == grant.resource]
    wide_enough = [acl for acl in of_it if acl.allows and _covers(acl, grant)]
    denied = any(not acl.allows and acl.operation in (operation, "All") and _touches(acl, grant) for acl in of_it)
    implied = {"All", operation} | (set(_IMPLY_DESCRIBE) if operation == "Describe" else set())
    return not denied and any(acl.operation in implied for acl in wide_enough)


def _covers(acl: Acl, grant: Grant) -> bool:
    if acl.prefixed:
        return grant.name.startswith(acl.name)
    return acl.name == _ANY_NAME or (not grant.prefixed and acl.name == grant.name)


def _touches(acl: Acl, grant: Grant) -> bool:
    return _covers(acl, grant) or (grant.prefixed and acl.name.startswith(grant.name))
