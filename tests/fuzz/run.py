"""The long form of `test_every_ingress.py`: `make fuzz RECORDS=1000000`."""

import argparse
import sys
import time

from hostile.drive import drive
from hostile.machine import Machine, everything, quiet

PER_SEED = 100_000


def main() -> int:
    """0 when nothing raised and every record is accounted for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--first-seed", type=int, default=1)
    arguments = options.parse_args()
    begin_s, done, seed = time.monotonic(), 0, arguments.first_seed
    while done < arguments.records:
        machine = Machine()
        try:
            with quiet():
                sent = drive(machine, seed, min(PER_SEED, arguments.records - done))
        finally:
            machine.close()
        lists = sent.pop("(lists made)", 0)
        done += sent.total()
        print(f"seed {seed}: {sent.total()} records, {lists} lists, {done} so far, {time.monotonic() - begin_s:.0f} s")
        print("  " + "\n  ".join([str(dict(sent)), *everything(machine)]), flush=True)
        if machine.account()["unaccounted"]:
            return 1
        seed += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
