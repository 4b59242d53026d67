"""From a JSON tree to validated nodes; every refusal names the path of the node it is about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from smsmarketing.accounts.models import Brand
from smsmarketing.contacts.criteria import contact_leaves, event_leaves, nodes
from smsmarketing.contacts.criteria.nodes import Criteria, Node
from smsmarketing.contacts.criteria.values import Refusal, ids_read
from smsmarketing.contacts.models import Audience
from smsmarketing.operations.errors import InvalidInput

DEPTH_MAX = 8
NODES_MAX = 100

_SYNONYMS = {"and": "all", "or": "any", "list": "audience"}


def criteria_parse(
    tree: Mapping[str, Any], *, brand_id: int, team_ids: Collection[int]
) -> Criteria:
    """Validate a tree. Lists named in it must belong to the brand and to one of the teams.

    At most 8 levels deep, 100 nodes, 200 values in a list. Raises InvalidInput whose field_errors
    name the path of each fault, e.g. `criteria.all[1].event.count.op`.
    """
    reader = _Reader(brand_id, team_ids)
    try:
        root = reader.node(tree, "criteria", depth=1)
    except Refusal as exc:
        raise InvalidInput(
            f"The segment criteria cannot be read at {exc.path}: {exc.message}",
            field_errors={exc.path: exc.message},
        ) from None
    team_id = Brand.objects.filter(pk=brand_id).values_list("team_id", flat=True).first()
    return Criteria(
        root=root,
        brand_id=brand_id,
        team_id=team_id or 0,
        audience_ids=tuple(reader.audience_ids),
    )


class _Reader:
    """One pass over one tree."""

    def __init__(self, brand_id: int, team_ids: Collection[int]) -> None:
        self.brand_id = brand_id
        self.team_ids = team_ids
        self.count = 0
        self.audience_ids: dict[int, None] = {}
        self.leaves: dict[str, Callable[[Any, str], Node]] = {
            "everyone": contact_leaves.everyone_read,
            "audience": self._audience,
            **contact_leaves.READERS,
            **event_leaves.READERS,
        }

    def node(self, tree: Any, path: str, *, depth: int) -> Node:
        self.count += 1
        if self.count > NODES_MAX:
            raise Refusal(path, f"There are more than {NODES_MAX} conditions. Use a list instead.")
        if depth > DEPTH_MAX:
            raise Refusal(path, f"It is nested more than {DEPTH_MAX} levels deep. Flatten it.")
        if not isinstance(tree, Mapping) or len(tree) != 1:
            raise Refusal(path, f"Give an object with exactly one of: {', '.join(self._names())}.")
        ((raw, content),) = tree.items()
        key = _SYNONYMS.get(str(raw), str(raw))
        inside = f"{path}.{raw}"
        if key in ("all", "any"):
            return nodes.Group(key, self._several(content, inside, depth))  # type: ignore[arg-type]
        if key == "not":
            return nodes.Not(self.node(content, inside, depth=depth + 1))
        leaf = self.leaves.get(key)
        if leaf is None:
            known = ", ".join(self._names())
            raise Refusal(f"{path}.{key[:40]}", f"There is no such condition. Use one of: {known}.")
        return leaf(content, inside)

    def _names(self) -> list[str]:
        return ["all", "any", "not", *self.leaves]

    def _several(self, content: Any, path: str, depth: int) -> tuple[Node, ...]:
        if not isinstance(content, list) or not content:
            raise Refusal(path, "Give a list of at least one condition.")
        return tuple(
            self.node(item, f"{path}[{index}]", depth=depth + 1)
            for index, item in enumerate(content)
        )

    def _audience(self, content: Any, path: str) -> Node:
        ids = ids_read(content, path)
        found = dict(
            Audience.objects.filter(
                pk__in=ids, brand_id=self.brand_id, team_id__in=self.team_ids
            ).values_list("pk", "name")
        )
        missing = [str(number) for number in ids if number not in found]
        if missing:
            raise Refusal(
                path,
                f"There is no audience {', '.join(missing)} for this brand."
                " audiences.list shows the ones you can use.",
            )
        self.audience_ids.update(dict.fromkeys(ids))
        return nodes.InAudience(ids, tuple(found[number] for number in ids))
