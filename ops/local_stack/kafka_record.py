"""What a state folder remembers about its Kafka cluster."""

import base64
import uuid
from pathlib import Path

import msgspec

from ops.local_stack.ports import free_port


class ClusterRecord(msgspec.Struct, frozen=True):
    """How many nodes there are, the id that their data carries, and where their controllers listen, in their order.

    All nodes must agree on the controllers' ports; they may change only while no node runs.
    """

    nodes: int
    cluster_id: str
    controller_ports: tuple[int, ...]

    @classmethod
    def new(cls, nodes: int) -> "ClusterRecord":
        """A cluster that does not exist yet."""
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        return cls(nodes, cluster_id, _ports(nodes))

    @classmethod
    def read(cls, path: Path) -> "ClusterRecord | None":
        """The remembered cluster, or None when there is none."""
        return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else None

    def on_new_ports(self) -> "ClusterRecord":
        """The same cluster on controller ports that are free now."""
        return msgspec.structs.replace(self, controller_ports=_ports(self.nodes))

    def write(self, path: Path) -> None:
        """Remembers the cluster."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(self))


def _ports(count: int) -> tuple[int, ...]:
    first = free_port(count)
    return tuple(range(first, first + count))
