"""`freshet schema`: what is checked in is what the code says."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ops.commands import schema

CHECKED_IN = Path(__file__).parents[3] / "docs" / "schemas"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    schema.register(app)
    return app


def test_the_checked_in_documents_are_up_to_date() -> None:
    """When this fails: `freshet schema --write docs/schemas`, and say in the changelog what changed for producers."""
    expected = {file: schema.text_of(document) for file, document in schema.documents_by_file().items()}
    assert {path.name: path.read_text(encoding="utf-8") for path in CHECKED_IN.iterdir()} == expected


def test_it_prints_one_document(app: typer.Typer) -> None:
    runner = CliRunner()
    assert json.loads(runner.invoke(app, ["schema"]).stdout)["$id"] == "urn:freshet:interaction"
    assert json.loads(runner.invoke(app, ["schema", "item"]).stdout)["$id"] == "urn:freshet:item"
    assert json.loads(runner.invoke(app, ["schema", "--asyncapi"]).stdout)["asyncapi"] == "3.0.0"


def test_an_unknown_name_is_a_usage_error(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["schema", "events"])
    assert result.exit_code == 2
    assert "choose interaction, item or profile" in result.stderr


def test_it_writes_all_documents(app: typer.Typer, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["schema", "--write", str(tmp_path / "new")]).exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(schema.documents_by_file())
