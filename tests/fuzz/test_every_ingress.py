"""No record of any topic raises in a worker, and each is accounted for. `run.py` beside this does it for longer."""

import pytest
from hostile.drive import INGRESSES, drive
from hostile.machine import INTERNAL, Machine, everything, quiet, topic_of

RECORDS = 20_000


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_records_through_every_ingress(seed: int) -> None:
    machine = Machine()
    try:
        with quiet():
            sent = drive(machine, seed, RECORDS)
        figures = list(everything(machine))
    finally:
        machine.close()
    account = machine.account()
    assert account["unaccounted"] == 0, figures
    assert account["folded"] > account["sent"] / 10, figures
    assert account["dead_letters"] > account["sent"] / 10, figures
    assert set(INGRESSES) <= set(sent)
    refused = {topic for topic, _ in machine.reported} | {topic for topic, _ in machine.dead_letters}
    assert {topic_of(ingress) for ingress in INGRESSES} - {topic_of(ingress) for ingress in INTERNAL} <= refused, (
        figures
    )
    assert sent["(lists made)"] > 0
