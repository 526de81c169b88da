"""cluster.yaml: what Ray and AWS make of it, and a whole cycle on hosts made of this machine's namespaces."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.cluster_file import HEAD, SHIPPED, WORKERS, lab_config
from lab.hosts import answers, enter, hosts, lab, progress, running, wait_until
from runs import call, grid, same, write_sweep

from gensweep.sweep.load import read_sweep
from gensweep.sweep.point import Point

pytestmark = pytest.mark.filterwarnings("default")
GUIDE = (SHIPPED.parent / "docs" / "cluster.md").read_text()
SUBMIT = "ray job submit --address http://127.0.0.1:8265 --working-dir /shared/sweeps -- python -m gensweep tiny.py"
EPOCHS, SOME = 60, 10
"""Of a point; and after how many, at least, its host is killed."""


def shipped() -> dict[str, Any]:
    """cluster.yaml, read."""
    return yaml.safe_load(SHIPPED.read_text())


def variants() -> list[dict[str, Any]]:
    """What docs/cluster.md says to replace on other providers."""
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE, re.S)
    return [block for block in map(yaml.safe_load, blocks) if "provider" in block]


# --- what Ray and AWS make of it


@pytest.mark.ray
def test_ray_accepts_the_file_and_each_variant_of_the_guide() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    assert [variant["provider"]["type"] for variant in variants()] == ["gcp", "local"]
    for change in ({}, *variants(), lab_config(shipped(), "/somewhere")):
        config = shipped() | change
        assert change.keys() <= shipped().keys() | {"head_setup_commands"}
        validate_config(prepare_config(config))
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(shipped() | {"max_worker": 1}))


def test_the_lines_to_edit_reach_their_places() -> None:
    config = shipped()
    edited = config["metadata"]
    kinds = config["available_node_types"]
    assert next(iter(config)) == "metadata"
    assert edited == {
        "region": config["provider"]["region"],
        "head": kinds["head"]["node_config"]["InstanceType"],
        "worker": kinds["worker"]["node_config"]["InstanceType"],
        "max_workers": config["max_workers"],
        "results": config["setup_commands"][0],
    }
    assert kinds["worker"]["min_workers"] == 0
    assert (
        "InstanceMarketOptions"
        in kinds["worker"]["node_config"].keys() - kinds["head"]["node_config"].keys()
    )


def test_both_kinds_of_node_start_with_a_token_and_with_ports_that_the_guide_names() -> None:
    head, worker = (
        shipped()[f"{kind}_start_ray_commands"][-1].split() for kind in ("head", "worker")
    )
    only_head = {"--port=6379", "--dashboard-host=127.0.0.1", "--dashboard-port=8265"}
    ports = {word for word in head if "port" in word}
    assert only_head <= set(head)
    assert ports - only_head == {word for word in worker if "port" in word}
    assert "RAY_AUTH_MODE=token" in head and "RAY_AUTH_MODE=token" in worker
    for port in ports:
        assert port.partition("=")[2] in GUIDE, port


@pytest.mark.ray
def test_on_aws_only_ssh_is_open_and_both_kinds_of_node_can_be_launched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from moto import mock_aws
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config

    monkeypatch.setenv("HOME", str(tmp_path))  # Ray writes its key there
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        region = shipped()["provider"]["region"]
        boto3.client("iam", region).create_instance_profile(InstanceProfileName="gensweep")
        config = bootstrap_aws(prepare_config(shipped()))
        groups = {
            name
            for kind in config["available_node_types"].values()
            for name in kind["node_config"]["SecurityGroupIds"]
        }
        ec2 = boto3.client("ec2", region)
        [group] = ec2.describe_security_groups(GroupIds=list(groups))["SecurityGroups"]
        rules = group["IpPermissions"]
        assert [(rule["FromPort"], rule["ToPort"]) for rule in rules if rule["IpRanges"]] == [
            (22, 22)
        ]
        inside = [rule for rule in rules if not rule["IpRanges"]]
        assert [pair["GroupId"] for rule in inside for pair in rule["UserIdGroupPairs"]] == [
            group["GroupId"]
        ]
        provider = AWSNodeProvider(config["provider"], config["cluster_name"])
        for kind in config["available_node_types"].values():
            provider.create_node(kind["node_config"], {"ray-node-type": "any"}, 1)
        nodes = [
            node
            for result in ec2.describe_instances()["Reservations"]
            for node in result["Instances"]
        ]
        assert {node["InstanceType"] for node in nodes} == {
            shipped()["metadata"][kind] for kind in ("head", "worker")
        }
        assert sorted(node.get("InstanceLifecycle", "") for node in nodes) == ["", "spot"]


# --- a whole cycle


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that every host of a lab sees as /shared; the hosts see the environment that runs this test."""
    with hosts(tmp_path / "lab", monkeypatch) as folder:
        yield folder


def bring_up() -> None:
    """`ray up`, and once more where a worker was too slow: Ray gives it 30 s to start, and does not try again."""

    def outcomes() -> list[str]:
        output = lab("enter", "head", "cat", "/tmp/ray/session_latest/logs/monitor.out").stdout
        return re.findall("up-to-date|update-failed", output)

    for _ in range(2):
        enter("lap", "cd ~/gensweep && ray up -y /shared/lab.yaml")
        took = wait_until(
            lambda: len(outcomes()) == len(WORKERS), "an outcome for each worker", 120, every=1
        )
        print(f"--- {took:.1f} s later: {outcomes()}")
        if "update-failed" not in outcomes():
            return
    pytest.fail("a worker did not start")


@pytest.mark.cluster
def test_a_sweep_outlives_a_worker_host(shared: Path, tmp_path: Path) -> None:
    file = write_sweep(tmp_path, grid(epochs=EPOCHS), seeds=3)
    points = read_sweep(Path(file)).points()
    plain, root = tmp_path / "plain", shared / "results"
    assert call(file, "--local", "--results", plain).code == 0
    (shared / "sweeps").mkdir()
    Path(file).rename(shared / "sweeps" / "tiny.py")
    (shared / "lab.yaml").write_text(yaml.safe_dump(lab_config(shipped(), os.environ["VENV"])))

    enter("lap", "ray get-auth-token --generate > /dev/null")
    bring_up()
    status = (
        "ray exec /shared/lab.yaml 'ray status'"  # as the autoscaler last told it, some seconds ago
    )
    wait_until(lambda: "3 local.cluster.node" in enter("lap", status), "three nodes", 60, every=2)
    assert [answers("w2", HEAD, port) for port in (6379, 8265)] == [True, False], (
        "the dashboard is its own host's"
    )
    with running("lap", "ray dashboard /shared/lab.yaml", tmp_path / "tunnel"):
        wait_until(lambda: answers("lap", "127.0.0.1", 8265), "the tunnel", 60, every=1)
        look = "curl -so /dev/null -w %{http_code} http://127.0.0.1:8265/api/jobs/"
        assert enter("lap", look).endswith("401"), "no token, no answer"
        with running("lap", SUBMIT, tmp_path / "job") as job:
            result: list[tuple[Point, str, int]] = []
            took = wait_until(
                lambda: result.extend(on_a_worker(root, points)) or bool(result),
                "a point on a worker",
                180,
            )
            print(f"--- {took:.1f} s from the submission to a point in training on a worker")
            point, host, before = result[0]
            assert lab("kill", host).returncode == 0
            seen: list[tuple[str, int]] = []

            def ended() -> bool:
                seen.extend(filter(None, [progress(root, point)]))
                return job.poll() is not None

            took = wait_until(ended, "the end of the job", 240)
            print(
                f"--- {host} killed after epoch {before} of {point.id}; the job ended {took:.1f} s later"
            )
    assert job.returncode == 0
    for other in points:
        same(root, plain, other)
    assert min(epoch for _, epoch in seen) >= before >= SOME, "resumed, not restarted"
    assert {name for name, _ in seen if name != host}, "and on another host"
    enter("lap", "ray down -y /shared/lab.yaml")
    assert enter("head", "pgrep -c raylet || true").split() == ["0"]


def on_a_worker(root: Path, points: list[Point]) -> Iterator[tuple[Point, str, int]]:
    """Points that a worker host has trained for some epochs, each with the host and the epoch."""
    for point in points:
        if (now := progress(root, point)) and now[0] in WORKERS and SOME <= now[1] < EPOCHS:
            yield point, *now
