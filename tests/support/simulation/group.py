"""The consumer group: everybody joins, or is left out; every round of joining is a new generation."""

from collections.abc import Sequence

from aiokafka.structs import TopicPartition

from simulation.world import Process, TryLater, World

SESSION_S = 0.8
JOIN_WITHIN_S = 0.5
CHECK_S = 0.2
KEEP_SHARE = 0.7

Assignment = tuple[int, frozenset[TopicPartition]]


class Group:
    """Members by their last heartbeat, and what the current generation owns."""

    def __init__(self, world: World, partitions: Sequence[TopicPartition]) -> None:
        self._world = world
        self._partitions = partitions
        self._seen: dict[Process, float] = {}
        self._joined: list[Process] = []
        self._results: dict[Process, Assignment] = {}
        self._owner: dict[TopicPartition, Process] = {}
        self._joining = False
        self._deadline = 0.0
        self.generation = 0
        world.after(CHECK_S, self._check)

    def join(self, process: Process) -> Assignment:
        """The generation and the partitions of a member, once the round is complete."""
        self._seen[process] = self._world.now
        if process in self._results and not self._joining:
            return self._results.pop(process)
        if not self._joining:
            self.rebalance()
        if process not in self._joined:
            self._joined.append(process)
        if set(self._joined) >= set(self._seen):
            self._complete()
            return self._results.pop(process)
        raise TryLater

    def heartbeat(self, process: Process, generation: int) -> bool:
        """True when the member has to join again."""
        if process not in self._seen:
            return True
        self._seen[process] = self._world.now
        return self._joining or generation != self.generation

    def leave(self, process: Process) -> None:
        """A member says that it goes."""
        if self._seen.pop(process, None) is not None:
            self.rebalance()

    def rebalance(self) -> None:
        """Starts a round, unless one is under way."""
        if not self._joining:
            self._joining = True
            self._joined.clear()
            self._results.clear()
            self._deadline = self._world.now + JOIN_WITHIN_S

    def _check(self) -> None:
        now = self._world.now
        if self._joining:
            if now >= self._deadline and self._joined:
                self._complete()
        elif any(now - seen > SESSION_S for seen in self._seen.values()):
            self._seen = {process: seen for process, seen in self._seen.items() if now - seen <= SESSION_S}
            self.rebalance()
        self._world.after(CHECK_S, self._check)

    def _complete(self) -> None:
        self._joining = False
        self.generation += 1
        members = list(self._joined)
        self._seen = dict.fromkeys(members, self._world.now)
        draw = self._world.random
        owned: dict[Process, set[TopicPartition]] = {process: set() for process in members}
        for tp in self._partitions:
            owner = self._owner.get(tp)
            if owner not in owned or draw.random() > KEEP_SHARE:
                owner = draw.choice(members)
            self._owner[tp] = owner
            owned[owner].add(tp)
        self._results = {process: (self.generation, frozenset(tps)) for process, tps in owned.items()}
