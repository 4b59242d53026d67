"""Trees and the fields a team has declared: the type comes from the declaration, and a name that
nobody declared is refused. Done once, when criteria are typed in: what was saved keeps its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smsmarketing.contacts.criteria.event_leaves import CLICK, REPLY
from smsmarketing.contacts.models import CustomField
from smsmarketing.operations.errors import InvalidInput

KNOWN_PROPERTIES: Final = {
    "state": "text",
    "amount": "number",
    "currency": "text",
    "product": "text",
    "category": "text",
}
"""Properties of events that need no declaration, and their types."""

_DEPTH: Final = 12  # deeper ones are refused when they are read
_SYSTEM: Final = {"replied": REPLY, "clicked": CLICK}


def criteria_settle(tree: Any, *, team_id: int) -> Any:
    """The tree with the declared type in each comparison of a field.

    A team that has declared no field for contacts (or for events of that kind) may name any.
    Raises InvalidInput with the path of a name that is unknown, or of a type or choice that the
    declaration contradicts. What has no form of a tree is given back as it is, for
    `criteria_parse` to refuse.
    """
    declared: dict[str, dict[str, CustomField]] = {}
    for field in CustomField.objects.filter(team_id=team_id, archived_at=None).order_by("name"):
        declared.setdefault(field.applies_to, {})[field.name] = field
    return _settled(tree, "criteria", declared, 0)


def _settled(node: Any, path: str, declared: dict[str, dict[str, CustomField]], depth: int) -> Any:
    if not isinstance(node, Mapping) or len(node) != 1 or depth > _DEPTH:
        return node
    ((key, content),) = node.items()
    inside = f"{path}.{key}"
    if key in ("all", "any", "and", "or") and isinstance(content, list):
        return {
            key: [
                _settled(item, f"{inside}[{index}]", declared, depth + 1)
                for index, item in enumerate(content)
            ]
        }
    if key == "not":
        return {key: _settled(content, inside, declared, depth + 1)}
    if key == "custom":
        return {key: _compared(content, inside, declared.get("contact", {}), {})}
    if key in ("event", *_SYSTEM) and isinstance(content, Mapping):
        return {key: _event(str(key), content, inside, declared)}
    return node


def _event(
    key: str,
    content: Mapping[str, Any],
    path: str,
    declared: dict[str, dict[str, CustomField]],
) -> Any:
    properties = content.get("properties")
    if not isinstance(properties, list):
        return content
    fields = declared.get(str(_SYSTEM.get(key, content.get("kind"))), {})
    return {
        **content,
        "properties": [
            _compared(item, f"{path}.properties[{index}]", fields, KNOWN_PROPERTIES)
            for index, item in enumerate(properties)
        ],
    }


def _compared(
    content: Any, path: str, fields: Mapping[str, CustomField], known: Mapping[str, str]
) -> Any:
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(name, str):
        return content
    field = fields.get(name)
    if field is None:
        if fields and name not in known:
            names = ", ".join(sorted({*fields, *known})[:30])
            raise _refusal(f"{path}.name", f"There is no such field. Known are: {names}.")
        return {"type": known[name], **content} if name in known else content
    kind = "text" if field.type == "choice" else field.type
    if content.get("type", kind) != kind:
        raise _refusal(f"{path}.type", f"The field {field.name} is declared as {kind}. Use that.")
    if field.type == "choice":
        _choice_check(content, path, field)
    return {**content, "type": kind}


def _choice_check(content: Mapping[str, Any], path: str, field: CustomField) -> None:
    value = content.get("value")
    asked = value if isinstance(value, list) else [value]
    if content.get("op", "eq") in ("eq", "ne", "in") and any(
        item not in field.choices for item in asked
    ):
        raise _refusal(f"{path}.value", f"Give one of: {', '.join(field.choices)}.")


def _refusal(path: str, message: str) -> InvalidInput:
    return InvalidInput(
        f"The segment criteria cannot be read at {path}: {message}", field_errors={path: message}
    )
