"""Makes the clients from the OpenAPI documents: `python -m serving.client.generate`.

Types and methods follow from the documents alone, so a new route or member is in both languages when `make docs` has
run; a test fails until it has.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from serving.collect import openapi as of_collect
from serving.collect.app import EVENTS, TRACK
from serving.endpoint import openapi as of_endpoint

HERE: Final = Path(__file__).parent
ANSWERS: Final = HERE / "answers.py"
READS: Final = HERE / "client.py"
TYPESCRIPT: Final = HERE / "typescript" / "freshet.ts"
_MADE: Final = "Generated from the OpenAPI documents by `make docs`; do not edit."
Schema = dict[str, Any]


def documents() -> tuple[Schema, Schema]:
    """Of the endpoint and of collect."""
    return of_endpoint.document(), of_collect.document()


def _reads(document: Schema) -> list[tuple[str, Schema]]:
    """Template and operation of each route that answers lists; those about the process are for probes."""
    found = [(path, methods["get"]) for path, methods in document["paths"].items() if path.startswith("/api/")]
    return [(path, operation) for path, operation in found if "200" in operation["responses"]]


def _types(document: Schema) -> dict[str, Schema]:
    named = document["components"]["schemas"]
    left_out = {"health", "ready", "openapi"}
    return {_type_name(name): schema for name, schema in named.items() if name not in left_out}


def _type_name(name: str) -> str:
    """Within Freshet some of these words are classes that work; here they are what arrives."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Answer"


def _answer_of(operation: Schema) -> str:
    content = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return _type_name(content["$ref"].rpartition("/")[2])


# -- Python -------------------------------------------------------------------------------------------------------


def python_answers() -> str:
    """answers.py."""
    endpoint, _ = documents()
    types = _types(endpoint)
    parts = [f'"""What answers hold. {_MADE}"""', "", "from typing import Any, Literal, NotRequired, TypedDict", ""]
    parts += ["__all__ = [", *(f'    "{name}",' for name in sorted(types)), "]", ""]
    for name, schema in types.items():
        parts += ["", f"class {name}(TypedDict):", *_python_members(name, schema), ""]
    return "\n".join(parts)


def _python_members(name: str, schema: Schema) -> list[str]:
    lines = [f'    """`{name}` of the document."""', ""]
    required = schema.get("required", [])
    for member, of in schema.get("properties", {}).items():
        kind = _python_type(of)
        lines.append(f"    {member}: {kind if member in required else f'NotRequired[{kind}]'}")
    return lines


def _python_type(schema: Schema) -> str:
    if "$ref" in schema:
        return f'"{_type_name(schema["$ref"].rpartition("/")[2])}"'
    if "enum" in schema:
        return "Literal[" + ", ".join(f'"{value}"' for value in schema["enum"]) + "]"
    if "anyOf" in schema:
        return _joined([_python_type(one) for one in schema["anyOf"]], "Any")
    kinds = schema.get("type", "any")
    if isinstance(kinds, list):
        return " | ".join(_python_type({**schema, "type": kind}) for kind in kinds)
    if kinds == "array":
        return f"list[{_python_type(schema.get('items', {}))}]"
    plain = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
    return plain.get(kinds, "dict[str, Any]" if kinds == "object" else "Any")


def _joined(kinds: list[str], otherwise: str) -> str:
    quoted = [kind.strip('"') for kind in kinds]
    return f'"{" | ".join(dict.fromkeys(quoted))}"' if quoted else otherwise


_PYTHON_HEAD: Final = '''"""The clients. {made}"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from serving.client import answers
from serving.client.sending import Sending, judged, read_request

TIMEOUT_S = 10.0


def _headers(token: str | None) -> dict[str, str]:
    return {{"authorization": f"Bearer {{token}}"}} if token else {{}}


def _body(answer: httpx.Response) -> Any:
    return answer.json() if "json" in answer.headers.get("content-type", "") else None

'''
_CLASS: Final = '''
class {name}:
    """`endpoint` and `collect` are their addresses, without a path. `token` is sent to both."""

    def __init__(
        self, endpoint: str, collect: str | None = None, *, token: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._collect = collect
        self._http = httpx.{http}(base_url=endpoint, headers=_headers(token), timeout=timeout_s)

    {d}def __{a}enter__(self) -> Self:
        return self

    {d}def __{a}exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        {w}self.close()

    {d}def close(self) -> None:
        """Closes the connections."""
        {w}self._http.{close}()

    {d}def _get(self, template: str, places: Mapping[str, str], parameters: Mapping[str, object]) -> Any:
        request = read_request(template, places, parameters)
        answer = {w}self._http.get(request.path, params=request.parameters)
        return judged(answer.status_code, _body(answer))

    {d}def _send(self, path: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        if self._collect is None:
            raise ValueError("the client was made without the address of collect")
        sending = Sending(events)
        while True:
            answer = {w}self._http.post(self._collect + path, json=sending.waiting)
            wait_s = sending.answered(answer.status_code, _body(answer), answer.headers.get("retry-after"))
            if wait_s is None:
                return sending.event_ids
            {sleep}(wait_s)

    {d}def events(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Sends events and returns their ids once all are in the log; ids are made where there are none, and what is
        not confirmed is sent again. Raises `RequestRefused` (`members["rejected"]` says what) and `NotConfirmed`."""
        return {w}self._send("{events}", events)

    {d}def track(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """The same; events without a timestamp happen when they arrive."""
        return {w}self._send("{track}", events)
'''


def python_client() -> str:
    """client.py."""
    endpoint, _ = documents()
    paths = {"events": EVENTS.decode(), "track": TRACK.decode()}
    plain = {"name": "Client", "http": "Client", "d": "", "w": "", "a": "", "close": "close", "sleep": "time.sleep"}
    waiting = {
        **{"name": "AsyncClient", "http": "AsyncClient", "d": "async ", "w": "await ", "a": "a"},
        **{"close": "aclose", "sleep": "await asyncio.sleep"},
    }
    parts = [_PYTHON_HEAD.format(made=_MADE)]
    for words in (plain, waiting):
        parts.append(_CLASS.format(**words, **paths))
        parts += [_python_read(template, operation, words) for template, operation in _reads(endpoint)]
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def _python_read(template: str, operation: Schema, words: dict[str, str]) -> str:
    parameters = sorted(operation["parameters"], key=lambda one: not one["required"])
    arguments = "".join(f"        {_python_argument(one)},\n" for one in parameters)
    places = ", ".join(f'"{one["name"]}": {one["name"]}' for one in parameters if one["in"] == "path")
    asked = [f'            "{one["name"]}": {one["name"]},\n' for one in parameters if one["in"] == "query"]
    answer = f"answers.{_answer_of(operation)}"
    return (
        f"\n    {words['d']}def {operation['operationId']}(\n        self,\n        *,\n{arguments}    ) -> {answer}:\n"
        f'        """{operation["summary"]}"""\n'
        f"        parameters: dict[str, object] = {{\n{''.join(asked)}        }}\n"
        f'        found: {answer} = {words["w"]}self._get("{template}", {{{places}}}, parameters)\n'
        f"        return found\n"
    )


def _python_argument(parameter: Schema) -> str:
    kind = _python_type(parameter["schema"])
    return f"{parameter['name']}: {kind}" if parameter["required"] else f"{parameter['name']}: {kind} | None = None"


# -- TypeScript ---------------------------------------------------------------------------------------------------

_TYPESCRIPT_HEAD: Final = """// {made}
// A client of the endpoint and of collect, for browsers and Node 20; it needs nothing but fetch.

export class RequestRefused extends Error {{
  readonly status: number;
  readonly members: Record<string, unknown>;

  /** An answer other than a good one: a problem (RFC 9457) with its members. */
  constructor(status: number, members: Record<string, unknown>) {{
    super(`${{status}}: ${{String(members["detail"] ?? "no reason was given")}}`);
    this.status = status;
    this.members = members;
  }}
}}

/** Events that are perhaps not in the log: send `events` again, they have their ids. */
export class NotConfirmed extends RequestRefused {{
  readonly events: FreshetEvent[];

  constructor(status: number, members: Record<string, unknown>, events: FreshetEvent[]) {{
    super(status, members);
    this.events = events;
  }}
}}

"""
_TYPESCRIPT_CLIENT: Final = """
const ATTEMPTS = 5;

export interface Options {{
  /** Address of the endpoint, without a path. */
  endpoint: string;
  /** Address of collect. */
  collect?: string;
  token?: string;
  fetch?: typeof fetch;
}}

export class Freshet {{
  private readonly options: Options;
  private readonly fetch: typeof fetch;

  constructor(options: Options) {{
    this.options = options;
    this.fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }}

  private headers(more: Record<string, string> = {{}}): Record<string, string> {{
    return this.options.token ? {{ ...more, authorization: `Bearer ${{this.options.token}}` }} : more;
  }}

  private async get<Answer>(path: string, parameters: Record<string, unknown>): Promise<Answer> {{
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {{
      if (value !== undefined) {{
        query.set(name, String(value));
      }}
    }}
    const asked = query.size > 0 ? `${{path}}?${{query}}` : path;
    const answer = await this.fetch(this.options.endpoint + asked, {{ headers: this.headers() }});
    const body: unknown = await answer.json();
    if (!answer.ok) {{
      throw new RequestRefused(answer.status, body as Record<string, unknown>);
    }}
    return body as Answer;
  }}

  private async send(path: string, events: readonly FreshetEvent[]): Promise<string[]> {{
    if (this.options.collect === undefined) {{
      throw new Error("the client was made without the address of collect");
    }}
    const all = events.map((event) => ({{ ...event, event_id: event.event_id ?? crypto.randomUUID() }}));
    let waiting: FreshetEvent[] = all;
    for (let attempt = 1; ; attempt += 1) {{
      const answer = await this.fetch(this.options.collect + path, {{
        method: "POST",
        headers: this.headers({{ "content-type": "application/json" }}),
        body: JSON.stringify(waiting),
        keepalive: true,
      }});
      if (answer.ok) {{
        return all.map((event) => String(event.event_id));
      }}
      const members = (await answer.json()) as Record<string, unknown>;
      if (answer.status !== 503) {{
        throw new RequestRefused(answer.status, members);
      }}
      const places = Object.keys((members["unconfirmed"] ?? {{}}) as Record<string, string>).map(Number);
      if (places.length > 0) {{
        waiting = waiting.filter((_, place) => places.includes(place));
      }}
      if (attempt === ATTEMPTS) {{
        throw new NotConfirmed(answer.status, members, waiting);
      }}
      const wait_s = Number(answer.headers.get("retry-after") ?? 1) || 1;
      await new Promise((resolve) => setTimeout(resolve, Math.min(wait_s, 30) * 1000));
    }}
  }}

  /** Sends events; their ids once all are in the log. What is not confirmed is sent again under the same ids. */
  events(events: readonly FreshetEvent[]): Promise<string[]> {{
    return this.send("{events}", events);
  }}

  /** The same; events without a timestamp happen when they arrive. */
  track(events: readonly FreshetEvent[]): Promise<string[]> {{
    return this.send("{track}", events);
  }}
"""


def typescript() -> str:
    """freshet.ts."""
    endpoint, collect = documents()
    parts = [_TYPESCRIPT_HEAD.format(made=_MADE)]
    parts += [_interface(name, schema) for name, schema in _types(endpoint).items()]
    parts.append(_event_interface(collect["components"]["schemas"]["Event"]))
    paths = {"events": EVENTS.decode(), "track": TRACK.decode()}
    parts.append(_TYPESCRIPT_CLIENT.format(**paths))
    parts += [_typescript_read(template, operation) for template, operation in _reads(endpoint)]
    return "".join(parts) + "}\n"


def _interface(name: str, schema: Schema) -> str:
    required = schema.get("required", [])
    members = "".join(
        f"  {member}{'' if member in required else '?'}: {_typescript_type(of)};\n"
        for member, of in schema.get("properties", {}).items()
    )
    return f"export interface {name} {{\n{members}}}\n\n"


def _event_interface(event: Schema) -> str:
    types = [kind for kind in event["properties"]["event_type"]["enum"] if kind == kind.lower()]
    kinds = {"event_type": " | ".join(f'"{kind}"' for kind in types), "timestamp": "number | string"}
    plain = {"watch_duration", "completion_pct", "completion_percentage", "progress_pct", "rating", "position"}
    members = "".join(
        f"  {name}{'' if name in ('event_type', 'user_id') else '?'}: "
        f"{kinds.get(name, 'number' if name in plain else 'string')};\n"
        for name in event["properties"]
    )
    return f"export interface FreshetEvent {{\n{members}  [more: string]: unknown;\n}}\n"


def _typescript_type(schema: Schema) -> str:
    if "$ref" in schema:
        return _type_name(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_typescript_type(one) for one in schema["anyOf"]))
    kinds = schema.get("type", "any")
    if isinstance(kinds, list):
        return " | ".join(_typescript_type({**schema, "type": kind}) for kind in kinds)
    if kinds == "array":
        return f"Array<{_typescript_type(schema.get('items', {}))}>"
    plain = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
    return plain.get(kinds, "Record<string, unknown>" if kinds == "object" else "unknown")


def _typescript_read(template: str, operation: Schema) -> str:
    members = "; ".join(
        f"{one['name']}{'' if one['required'] else '?'}: {_typescript_type(one['schema'])}"
        for one in operation["parameters"]
    )
    needed = any(one["required"] for one in operation["parameters"])
    places = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
    path = re.sub(r"\{(\w+)\}", r"${encodeURIComponent(\1)}", template)
    taken = f"const {{ {', '.join([*places, '...parameters'])} }} = given;\n    " if places else ""
    return (
        f"\n  /** {operation['summary']} */\n"
        f"  {_camel(operation['operationId'])}(given: {{ {members} }}{'' if needed else ' = {}'}): "
        f"Promise<{_answer_of(operation)}> {{\n"
        f"    {taken}return this.get(`{path}`, {'parameters' if places else 'given'});\n  }}\n"
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def files() -> dict[Path, str]:
    """Every generated file."""
    return {ANSWERS: python_answers(), READS: python_client(), TYPESCRIPT: typescript()}


if __name__ == "__main__":
    for file, text in files().items():
        file.write_text(text)
