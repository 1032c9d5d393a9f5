"""Metrics pages of processes of ours, as Prometheus reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

from harness.cluster import Cluster
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from ops.local_stack.ports import free_port

#: What a histogram's samples have besides its own labels.
_OF_BUCKETS = {"le"}


@dataclass(frozen=True)
class Scraped:
    """One page: samples by name and labels, and which metrics there are, by the name that the docs have."""

    samples: Mapping[str, Mapping[tuple[tuple[str, str], ...], float]]
    labels: Mapping[str, set[frozenset[str]]]

    @classmethod
    def of(cls, text: str) -> "Scraped":
        """Reads the text page."""
        samples: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        labels: dict[str, set[frozenset[str]]] = {}
        for family in text_string_to_metric_families(text):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found = labels.setdefault(name, set())
            for sample in family.samples:
                samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
                found.add(frozenset(sample.labels.keys() - _OF_BUCKETS))
        return cls(samples, labels)

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels, whatever others they have; 0 without any."""
        wanted = labels.items()
        return sum(value for found, value in self.samples.get(name, {}).items() if wanted <= dict(found).items())

    def values(self, name: str, label: str) -> dict[str, float]:
        """By the value of a label."""
        return {dict(found)[label]: value for found, value in self.samples.get(name, {}).items()}


class Probed:
    """A process that answers on a port of its own."""

    def __init__(self, process: WorkerProcess, port: int) -> None:
        self.process = process
        self.port = port

    async def get(self, path: str) -> httpx.Response | None:
        """None while nobody answers."""
        try:
            async with httpx.AsyncClient() as client:
                return await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)
        except httpx.TransportError:
            return None

    async def scrape(self) -> Scraped:
        """The page, once somebody answers."""

        async def page() -> httpx.Response | None:
            answer = await self.get("/metrics")
            return answer if answer is not None and answer.status_code == 200 else None

        return Scraped.of((await eventually("the metrics page", page)).text)

    async def ready(self) -> None:
        """Returns when the process says that it is."""

        async def is_ready() -> bool:
            answer = await self.get("/readyz")
            return answer is not None and answer.status_code == 200

        await eventually("it is ready", is_ready)


def probed_worker(cluster: Cluster, name: str, settings: Mapping[str, str] | None = None) -> Probed:
    """A started worker with a metrics port."""
    port = free_port()
    environment = cluster.place.environment(cluster.version) | {"FRESHET_METRICS_PORT": str(port)} | (settings or {})
    process = WorkerProcess(f"{cluster.version}-{name}", [str(FRESHET), "worker"], environment, cluster.place.folder)
    return Probed(cluster.workers.add(process), port)


def differences(
    scraped: Scraped, documented: Mapping[str, frozenset[str]], without_samples: Iterable[str]
) -> list[str]:
    """What of a page is not as documented; all of `without_samples` may have none."""
    found = [f"{name} is not exported" for name in documented.keys() - scraped.labels.keys()]
    found += [f"{name} is not documented" for name in scraped.labels.keys() - documented.keys()]
    for name in documented.keys() & scraped.labels.keys():
        labels = scraped.labels[name]
        if not labels and name not in without_samples:
            found.append(f"{name} has no samples")
        found += [f"{name} has labels {sorted(own)}" for own in labels if own != documented[name]]
    return found
