"""What the API is: OpenAPI 3.1 at /schema/openapi.json, and the same as a page of our own at /schema.

Litestar reads routes, parameters and answers off the handlers; bodies come from their shapes, errors
are one shape, and who may call stands in one place, here. No page of it loads anything from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, Reference, SecurityScheme
from litestar.routes import HTTPRoute
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from katchi import __version__
from katchi.errors import NotFound
from katchi.serve.questions import PREFIX_LENGTH_MIN
from katchi.web.api.problem import MEDIA_TYPE, TITLES, Problem, anchor_of
from katchi.web.door import OPEN, SAFE, Guard, cookie_name, is_api
from katchi.web.front import Front
from katchi.web.visit import Visit

PATH, JSON_PATH = "/schema", "/openapi.json"
REF = "#/components/schemas/{name}"
METHODS = ("get", "put", "post", "delete", "patch")
JSON_PAGES = frozenset({"/health"})
DESCRIPTION = (
    "The acts and views of the command line and the pages. Digests are hex, times microseconds UTC. "
    "Consultation only: nothing here approves, orders or releases anything."
)


def openapi_config(front: Front, guard: Guard) -> OpenAPIConfig:
    """Return what makes the schema, and where it is shown."""

    async def before(request: Request[Any, Any, Any]) -> Response[Any] | None:
        if request.scope["path"].rstrip("/") not in (PATH, PATH + JSON_PATH):
            raise NotFound("there is no such page here", hint="The first page leads to all others.")
        return await guard(request)

    schemes: dict[str, SecurityScheme | Reference] = {
        "token": SecurityScheme(
            type="http", scheme="bearer", description="The token of control.json in the node's directory; its owner can read it."
        ),
        "session": SecurityScheme(
            type="apiKey", name=cookie_name(front), security_scheme_in="cookie", description="An officer who signed in by a link."
        ),
        "csrf": SecurityScheme(
            type="apiKey",
            name="X-CSRF-Token",
            security_scheme_in="header",
            description="With a session, for what changes something: `session.csrf_token` of `GET /api/node`.",
        ),
    }
    return OpenAPIConfig(
        title="katchi",
        version=__version__,
        description=DESCRIPTION,
        components=Components(security_schemes=schemes),
        render_plugins=[AsJson(path=JSON_PATH), AsPage(front)],
        openapi_router=Router(PATH, route_handlers=[], include_in_schema=False, before_request=before),
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
    )


def _operation_id(handler: HTTPRouteHandler, method: Method, path: list[str | PathParameterDefinition]) -> str:
    return handler.handler_name if path[:1] == ["api"] else _page_id(method, path)


def _page_id(method: Method, path: list[str | PathParameterDefinition]) -> str:
    words = [one if isinstance(one, str) else one.name for one in path]
    return "_".join(["page", method.lower(), *(word.replace("-", "_") for word in words)])


class AsJson(JsonRenderPlugin):
    """The schema for programs."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return it as JSON."""
        return super().render(request, whole(request, openapi_schema))


class AsPage(OpenAPIRenderPlugin):
    """The schema for people."""

    def __init__(self, front: Front) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._front = front

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return it as a page."""
        schema = whole(request, openapi_schema)
        operations = list(_operations(schema, self._front.origin))
        page = Visit(request, self._front).page(
            "schema.html",
            operations=[one for one in operations if is_api(one["path"])],
            others=[one for one in operations if not is_api(one["path"])],
            shapes=schema["components"]["schemas"],
            problems=list(_problems()),
            origin=self._front.origin,
            json_path=PATH + JSON_PATH,
            type_of=type_of,
        )
        return page.content.encode()


def whole(request: Request[Any, Any, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return Litestar's schema with bodies, errors and security in it; made once."""
    if "Problem" not in schema["components"].setdefault("schemas", {}):
        handlers = dict(_handlers(request))
        takes = {place: handler.opt["takes"] for place, handler in handlers.items() if "takes" in handler.opt}
        answers = [handler.parsed_fn_signature.return_type for (path, _), handler in handlers.items() if is_api(path)]
        told = [answer.annotation for answer in answers if not answer.is_subclass_of(Response)]
        shapes = [Problem, *(shape for shape in takes.values() if shape is not bytes), *told]
        _, components = msgspec.json.schema_components(shapes, ref_template=REF)
        schema["components"]["schemas"] |= components
        for path, methods in schema["paths"].items():
            for method, operation in methods.items():
                _complete(path, method, operation, takes.get((path, method)), components)
    return schema


def _handlers(request: Request[Any, Any, Any]) -> Iterator[tuple[tuple[str, str], HTTPRouteHandler]]:
    for route in request.app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema():
                    yield (route.path_format, method.lower()), handler


def _complete(path: str, method: str, operation: dict[str, Any], shape: type | None, components: Mapping[str, Any]) -> None:
    operation["summary"], _, rest = operation.get("description", "").partition("\n\n")
    operation["summary"] = " ".join(operation["summary"].split())
    operation["description"] = " ".join(rest.split())
    operation["tags"] = [path.split("/")[2] if is_api(path) else "pages"]
    operation["security"] = _security(path, method)
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_null(parameter["schema"])
        if parameter["name"] == "id":
            noun = "consultation" if operation["tags"] == ["consultations"] else "room"
            parameter["description"] = f"The {noun}'s id, or its beginning: at least {PREFIX_LENGTH_MIN} digits."
    answers = {status: one for status, one in operation["responses"].items() if status < "400"}
    for one in answers.values():
        one["description"] = "What came of it." if method.upper() not in SAFE else "What was asked for."
    if not is_api(path):
        if path not in JSON_PAGES:
            for one in answers.values():
                one["content"] = {"text/html": {"schema": {"type": "string"}}}
        operation["responses"] = answers | {"default": {"description": "A page that says what went wrong."}}
        return
    if shape is bytes:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": content}
    elif shape is not None:
        body: dict[str, Any] = {"schema": {"$ref": REF.format(name=shape.__name__)}}
        required = components[shape.__name__].get("required", [])
        if example := _example(components[shape.__name__]):
            body["example"] = example
        operation["requestBody"] = {"required": bool(required), "content": {"application/json": body}}
    wrong = {"description": "What went wrong.", "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}}}
    operation["responses"] = answers | {"default": wrong}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: one that is not given is not null."""
    some: list[dict[str, Any]] = [one for one in schema.get("oneOf", ()) if one.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name != "oneOf"}
    return some[0] | rest if len(some) == 1 else schema


def _security(path: str, method: str) -> list[dict[str, list[str]]]:
    if OPEN.fullmatch(path):
        return [{}]
    session: dict[str, list[str]] = {"session": []}
    if not is_api(path):
        return [session]
    return [{"token": []}, session if method.upper() in SAFE else session | {"csrf": []}]


def _example(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {name: field["examples"][0] for name, field in shape["properties"].items() if field.get("examples")}


# The page.


def _operations(schema: Mapping[str, Any], origin: str) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each operation."""
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            operation = methods[method]
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {})
            fields = schema["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]] if body else None
            yield {
                "anchor": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "description": operation["description"],
                "parameters": [
                    one | {"type": type_of(one["schema"])} for one in operation.get("parameters", []) if one["in"] != "cookie"
                ],
                "fields": list(_fields(fields, schema["components"]["schemas"])) if fields else [],
                "takes_bytes": "application/octet-stream" in content,
                "answers": list(_answers(operation["responses"])),
                "curl": _curl(method.upper(), origin + path, body.get("example"), "application/octet-stream" in content),
            }


def _fields(shape: Mapping[str, Any], shapes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, field in shape["properties"].items():
        named = shapes.get(str(field.get("$ref", "")).rpartition("/")[2], {})
        kind = type_of(named if "enum" in named else field)
        required = name in shape.get("required", ())
        yield {"name": name, "type": kind, "required": required, "description": field.get("description", "")}


def _answers(responses: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for status, answer in responses.items():
        for media_type, content in (answer.get("content") or {}).items():
            shown = "" if media_type == "application/octet-stream" else type_of(content["schema"])
            yield {"status": status, "media_type": media_type, "type": shown, "shape": shown.strip("[]")}


def type_of(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema in a few words: `[RoomView]`, `string or null`, `routine | priority`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    for name in ("anyOf", "oneOf"):
        if name in schema:
            return " or ".join(type_of(one) for one in schema[name])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    found = schema.get("type", "any")
    if isinstance(found, list):
        return " or ".join(found)
    if found == "array" and "prefixItems" in schema:  # a tuple
        return f"[{', '.join(map(type_of, schema['prefixItems']))}]"
    if found == "array":
        return f"[{type_of(schema.get('items', {}))}]"
    if found == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"{{string: {type_of(schema['additionalProperties'])}}}"
    return str(found)


def _curl(method: str, url: str, example: Any, takes_bytes: bool) -> str:
    call = 'curl -H "Authorization: Bearer $TOKEN"'
    if takes_bytes:
        file, query = ("paper.pdf", "?name=paper.pdf") if url.endswith("/papers") else ("scenario.toml", "")
        return f"{call} '{url}{query}' -T {file}"
    if method == "GET":
        return f"{call} '{url}'"
    if method == "DELETE":
        return f"{call} -X DELETE '{url}'"
    return f"{call} '{url}' \\\n  --json '{json.dumps(example or {}, ensure_ascii=False)}'"


def _problems() -> Iterator[dict[str, Any]]:
    """Yield the classes of errors that the API answers with."""
    for cls, title in TITLES.items():
        yield {"anchor": anchor_of(cls), "error": cls.__name__, "status": cls.http_status, "title": title}
