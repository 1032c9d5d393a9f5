"""The Helm chart: what it renders is valid for Kubernetes, gives nobody rights, and names only settings that exist."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from harness import patience

from ops.configuration.settings import Settings, variable

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "freshet"
APP_VERSION = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
#: The oldest that Chart.yaml takes, and one of today.
KUBERNETES = ("1.27", "1.34")
#: Of other projects; no schema of theirs comes with Kubernetes.
EXTENSIONS = {"PodMonitor", "ScaledObject"}
EVERYTHING = """
image: {pullSecrets: [registry]}
config: {FRESHET_KAFKA_SECURITY_PROTOCOL: SASL_SSL, FRESHET_PARTITIONS: "24"}
secrets: {FRESHET_USER_ID_SECRET: {secret: freshet-ids, key: secret}}
files: {kafka-tls: {secret: kafka-ca}}
keda: {enabled: true}
sinks: {clickhouse: {enabled: true}, cassandra: {enabled: true}}
metrics: {podMonitor: true, tokenSecret: {secret: freshet-metrics, key: token}}
endpoint: {autoscaling: {enabled: false}}
collect: {enabled: true}
networkPolicy:
  endpointFrom: [{namespaceSelector: {matchLabels: {name: web}}}]
  metricsFrom: [{namespaceSelector: {matchLabels: {name: monitoring}}}]
  egress: [{port: 9093, to: [{podSelector: {matchLabels: {app: kafka}}}]}, {port: 6380}]
"""

needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="no helm on this machine")


def helm(*arguments: str) -> tuple[int, str, str]:
    done = patience.run(["helm", *arguments], limit_s=60)
    return done.returncode, done.stdout, done.stderr


def rendered(values: str, folder: Path, version: str = KUBERNETES[-1]) -> list[dict[str, Any]]:
    file = folder / "values.yaml"
    file.write_text(values)
    code, out, error = helm("template", "shop", str(CHART), "--kube-version", version, "--values", str(file))
    assert code == 0, error
    return [document for document in yaml.safe_load_all(out) if document]


def refused(values: str, folder: Path) -> str:
    file = folder / "values.yaml"
    file.write_text(values)
    code, _, error = helm("template", "shop", str(CHART), "--kube-version", KUBERNETES[-1], "--values", str(file))
    assert code != 0
    return error


def pods(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]


def containers(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(documents):
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            yield name, container


@needs_helm
def test_helm_itself_finds_nothing_wrong() -> None:
    code, out, error = helm("lint", "--strict", str(CHART))
    assert code == 0, out + error


@needs_helm
@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", ["{}", EVERYTHING], ids=["defaults", "everything"])
def test_what_is_rendered_is_valid(values: str, version: str, tmp_path: Path) -> None:
    documents = rendered(values, tmp_path, version)
    for document in documents:
        if document["kind"] not in EXTENSIONS:
            kubernetes_validate.validate(document, version, strict=True)
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(names)) == len(names)


@needs_helm
def test_pods_have_no_rights_and_write_only_where_volumes_are(tmp_path: Path) -> None:
    documents = rendered(EVERYTHING, tmp_path)
    assert {name for name, _ in pods(documents)} == {
        *("shop-freshet-worker", "shop-freshet-endpoint", "shop-freshet-topics-1"),
        "shop-freshet-collect",
        *("shop-freshet-sink-clickhouse", "shop-freshet-sink-cassandra"),
    }
    for _, pod in pods(documents):
        security = pod["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert pod["spec"]["automountServiceAccountToken"] is False
    for _, container in containers(documents):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        (state,) = [entry["value"] for entry in container["env"] if entry["name"] == "FRESHET_STATE_DIR"]
        writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
        assert any(state == path or state.startswith(f"{path}/") for path in writable)


@needs_helm
def test_secrets_are_files_of_references_and_settings_exist(tmp_path: Path) -> None:
    documents = rendered(EVERYTHING, tmp_path)
    known = {variable(name) for name in Settings.model_fields}
    (config,) = [document["data"] for document in documents if document["kind"] == "ConfigMap"]
    assert not any(document["kind"] == "Secret" for document in documents)
    for name, container in containers(documents):
        variables = {entry["name"]: entry for entry in container["env"]}
        assert {found.removesuffix("_FILE") for found in {*variables, *config}} <= known
        secret_file = variables["FRESHET_USER_ID_SECRET_FILE"]["value"]
        assert any(secret_file.startswith(mount["mountPath"]) for mount in container["volumeMounts"]), name


@needs_helm
@pytest.mark.parametrize(("part", "kind"), [("endpoint", "endpoint"), ("workers", "worker")])
def test_endpoints_and_workers_are_upgraded_one_after_the_other(part: str, kind: str, tmp_path: Path) -> None:
    two_steps = EVERYTHING.replace("image: {", "image: {tag: later, ") + f"\n{part}: {{image: {{tag: former}}}}\n"
    if part == "endpoint":
        two_steps = two_steps.replace("endpoint: {autoscaling: {enabled: false}}\n", "")
    tags = {name: container["image"] for name, container in containers(rendered(two_steps, tmp_path))}
    assert len(tags) == 6
    with_it = {f"shop-freshet-{kind}"} | ({"shop-freshet-collect"} if part == "endpoint" else set())
    assert {name for name, image in tags.items() if image == "freshet:former"} == with_it
    assert set(tags.values()) == {"freshet:former", "freshet:later"}
    assert {container["image"] for _, container in containers(rendered("{}", tmp_path))} == {f"freshet:{APP_VERSION}"}


@needs_helm
def test_every_process_that_stays_has_probes_on_a_port_that_it_opens(tmp_path: Path) -> None:
    for name, pod in pods(rendered(EVERYTHING, tmp_path)):
        (container,) = pod["spec"]["containers"]
        if "topics" in name:
            continue
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        variables = {entry["name"]: entry.get("value") for entry in container["env"]}
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz"), ("startupProbe", "/healthz")):
            asked = container[probe]["httpGet"]
            assert asked["path"] == path
            http = "FRESHET_COLLECT_PORT" if "collect" in name else "FRESHET_ENDPOINT_PORT"
            opened = variables[http if asked["port"] == "http" else "FRESHET_METRICS_PORT"]
            assert str(ports[asked["port"]]) == opened


@needs_helm
def test_probes_speak_https_to_an_endpoint_that_speaks_nothing_else(tmp_path: Path) -> None:
    def schemes(config: str) -> dict[str, set[str]]:
        asked: dict[str, set[str]] = {}
        for name, pod in pods(rendered(config, tmp_path)):
            for container in pod["spec"]["containers"]:
                gets = [probe["httpGet"] for key, probe in container.items() if key.endswith("Probe")]
                asked.setdefault(name, set()).update(get.get("scheme", "HTTP") for get in gets)
        return {name: found for name, found in asked.items() if "endpoint" in name or "worker" in name}

    plain, secured = (
        schemes("{}"),
        schemes('config: {FRESHET_ENDPOINT_TLS_CERT_FILE: "/etc/freshet/files/tls/tls.crt"}'),
    )
    assert set(map(frozenset, plain.values())) == {frozenset({"HTTP"})}
    assert {name for name, found in secured.items() if found == {"HTTPS"}} == {
        name for name in plain if "endpoint" in name
    }


@needs_helm
def test_metrics_of_endpoints_are_read_with_a_token_unless_security_is_off(tmp_path: Path) -> None:
    def scraped(values: str) -> tuple[dict[str, Any], set[str]]:
        documents = rendered(values, tmp_path)
        (monitor,) = [document for document in documents if document["kind"] == "PodMonitor"]
        sent = {port["port"]: port.get("authorization") for port in monitor["spec"]["podMetricsEndpoints"]}
        names = set()
        for name, pod in pods(documents):
            annotations = pod["metadata"].get("annotations", {})
            if "prometheus.io/scrape" in annotations:
                names.add(name)
                port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
                assert (annotations["prometheus.io/path"], annotations["prometheus.io/port"]) == ("/metrics", str(port))
        return sent, names

    token = {"credentials": {"name": "freshet-metrics", "key": "token"}}
    staying = {f"shop-freshet-{part}" for part in ("worker", "sink-clickhouse", "sink-cassandra")}
    assert scraped(EVERYTHING) == ({"metrics": None, "http": token}, staying)
    security_off = '{metrics: {podMonitor: true}, config: {FRESHET_ENDPOINT_SECURITY: "off"}}'
    assert scraped(security_off) == (
        {"metrics": None, "http": None},
        {"shop-freshet-worker", "shop-freshet-endpoint"},
    )


@needs_helm
def test_a_worker_is_the_same_member_after_a_restart_and_workers_are_no_more_than_partitions(tmp_path: Path) -> None:
    documents = rendered(EVERYTHING, tmp_path)
    (worker,) = [document for document in documents if document["kind"] == "StatefulSet"]
    variables = {entry["name"]: entry for entry in worker["spec"]["template"]["spec"]["containers"][0]["env"]}
    source = variables["FRESHET_WORKER_INSTANCE_ID"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert source == "metadata.name"
    (scaled,) = [document for document in documents if document["kind"] == "ScaledObject"]
    assert scaled["spec"]["maxReplicaCount"] == 24
    assert "replicas" not in worker["spec"], "two would decide"
    more = '{workers: {count: 3}, config: {FRESHET_PARTITIONS: "2"}}'
    assert "there are 2 partitions" in refused(more, tmp_path)


@needs_helm
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("{worker: {count: 3}}", "worker"),
        ("{workers: {count: 0}}", "count"),
        ("{metrics: {podMonitor: true}}", "metrics.tokenSecret"),
        ("{metrics: {tokenSecret: {secret: x}}}", "key"),
        ("{workers: {image: {repository: x}}}", "repository"),
        ("{endpoint: {image: {tag: 2}}}", "tag"),
        ("{config: {KAFKA: x}}", "KAFKA"),
        ("{config: {FRESHET_PARTITIONS: 12}}", "FRESHET_PARTITIONS"),
        ("{secrets: {FRESHET_USER_ID_SECRET: hunter2}}", "FRESHET_USER_ID_SECRET"),
        ("{sinks: {oracle: {enabled: true}}}", "oracle"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values: str, said: str, tmp_path: Path) -> None:
    assert said in refused(values, tmp_path)


@needs_helm
def test_selectors_find_their_pods_and_nobody_elses(tmp_path: Path) -> None:
    documents = rendered(EVERYTHING, tmp_path)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(documents)}

    def selected(by: dict[str, str]) -> set[str]:
        return {name for name, own in labels.items() if by.items() <= own.items()}

    for document in documents:
        spec, name = document.get("spec", {}), document["metadata"]["name"]
        if document["kind"] in ("Deployment", "StatefulSet"):
            assert selected(spec["selector"]["matchLabels"]) == {name}
        elif document["kind"] == "Service":
            assert len(selected(spec["selector"])) == 1
        elif document["kind"] == "PodDisruptionBudget":
            assert selected(spec["selector"]["matchLabels"]) == {name}
        elif document["kind"] == "NetworkPolicy":
            assert len(selected(spec["podSelector"]["matchLabels"])) == 1
