"""docs/tutorial.md: its commands, as they stand there, lead to what it promises."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from harness import patience

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.kafka.topics_admin import delete_namespace

pytestmark = pytest.mark.stack

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_the_commands_lead_to_rows(stack: LocalStack, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    script = "set -eum\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n" + "\n".join(blocks)
    endpoint, collect = free_port(), free_port()
    script = script.replace("127.0.0.1:8080", f"127.0.0.1:{endpoint}").replace("127.0.0.1:8081", f"127.0.0.1:{collect}")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_STATE_DIR": str(tmp_path / "state"),
        "FRESHET_ENDPOINT_PORT": str(endpoint),
        "FRESHET_COLLECT_PORT": str(collect),
    }
    try:
        done = patience.run(["bash", "-c", script], cwd=tmp_path, env={**os.environ, **environment}, limit_s=240)
        assert done.returncode == 0, done.stdout + done.stderr
        shown = json.loads((tmp_path / "ada.json").read_text())
        listed = [item["item_id"] for item in shown["recommendations"]]
        assert listed
        assert not {"m1", "m6"} & set(listed)
    finally:
        delete_namespace(stack.bootstrap, "tutorial")
