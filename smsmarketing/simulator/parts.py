"""How many parts a text costs, counted apart from the product (3GPP TS 23.038, 23.040)."""

from collections.abc import Iterable

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def parts_count(text: str) -> int:
    """Parts after automatic splitting; an extension or astral character never crosses a part."""
    if _BASIC.issuperset(text):
        length = len(text)
        return 1 if length <= 160 else -(-length // 153)
    if (_BASIC | _EXTENDED).issuperset(text):
        return _packed((2 if character in _EXTENDED else 1 for character in text), 160, 153)
    return _packed((2 if character > "\uffff" else 1 for character in text), 70, 67)


def _packed(sizes: Iterable[int], single: int, each: int) -> int:
    units = list(sizes)
    if sum(units) <= single:
        return 1
    parts, used = 1, 0
    for size in units:
        if used + size > each:
            parts, used = parts + 1, 0
        used += size
    return parts
