"""The examples of docs/serving.md run, against a real server process."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from harness import patience
from listed import CardWriter as ListWriter

from serving.keys import Keys

from .conftest import TTL_S, eventually, for_everybody, fragments, stamp
from .test_reads import put_popular, put_user

REPOSITORY = Path(__file__).parents[3]
GUIDE = (REPOSITORY / "docs" / "serving.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
async def address(serve: Any, valkey: Any, namespace: str) -> str:
    writer = ListWriter.connect(valkey.url, Keys(namespace, "v1"))
    await put_user(writer, "u1", "i1", "i2", "i3")
    await put_popular(writer, "p1", "p2")
    trend = stamp("popular").shared(*for_everybody(fragments("t1")))
    await writer.write_shared(writer.keys.trending_list("*", "7d"), trend, TTL_S)
    await writer.close()
    address = str(serve(namespace))
    async with httpx.AsyncClient(base_url=address) as client:

        async def is_indexed() -> bool:
            return len((await client.get("/api/v1/search", params={"q": "title"})).json()["items"]) >= 3

        await eventually(is_indexed)
    return address


def output(command: list[str], address: str) -> str:
    done = patience.run(command, env={**os.environ, "FRESHET": address}, limit_s=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_every_example_works(address: str) -> None:
    answers = [output(["bash", "-ec", block], address).strip() for block in blocks("bash")]
    assert answers[-1] == "304"
    bodies = [json.loads(answer) for answer in answers[:-1]]
    assert [item["item_id"] for item in bodies[0]["recommendations"]] == ["i1", "i2"]
    assert [row["id"] for row in bodies[1]["sections"]] == ["top_picks", "popular"]
    assert (bodies[3]["region"], [item["item_id"] for item in bodies[3]["items"]]) == ("*", ["t1"])
    assert [item["item_id"] for item in bodies[5]["sections"][0]["items"]] == ["i1", "i2", "i3"]
    assert bodies[5]["keep_until"] > bodies[5]["generated_at"]
    assert [bodies[place]["item_id"] for place in (6, 7)] == ["i1", "i1"]
    assert bodies[8]["recommendations"] == bodies[0]["recommendations"] + [ANY]
    assert bodies[9]["recommendations"] == []  # nothing says that it is a movie
    assert bodies[10]["recommendations"] == []  # nothing says that it has captions
    boosted = bodies[11]["recommendations"]  # nothing of it is a war film: everything is as it was, and there is more
    assert boosted[:3] == bodies[8]["recommendations"]
    assert {item["source"] for item in boosted[3:]} == {"popular"}
    assert [item["item_id"] for item in bodies[12]["recommendations"]] == ["i1", "i2"]
    assert isinstance(bodies[12]["next_page"], str)
    assert [item["title"] for item in bodies[13]["items"]] == ["Title i1", "Title i2"]
    assert {"type": "title", "text": "Title i1", "item_id": "i1"} in bodies[14]["suggestions"]
    assert bodies[15]["searches"] == []
    assert bodies[16] == {"user_id": "u1", "searches": []}
    assert bodies[17]["item_id"] == "show/12"
    shown_answer, *_, shown_problem = (json.loads(block) for block in blocks("json"))
    assert set(shown_answer) == set(bodies[0])
    assert [item["item_id"] for item in bodies[18]["recommendations"]] == ["i1", "i2", "i3"]
    assert shown_problem == bodies[19]
    (python,) = blocks("python")
    assert output([sys.executable, "-c", python], address).splitlines() == ["0 i1 Title i1", "1 i2 Title i2"]
    node = shutil.which("node")
    (script,) = blocks("javascript")
    if node is None:
        pytest.skip("everything but the JavaScript example ran: node is not installed")
    said = output([node, "--input-type=module", "-e", script], address)
    assert said.splitlines() == ["0 i1 Title i1", "1 i2 Title i2"]
