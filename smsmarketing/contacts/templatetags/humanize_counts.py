"""Figures as people write them."""

from django import template

register = template.Library()


@register.filter
def grouped(value: object) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}" if isinstance(value, int) else str(value)


@register.filter
def width_class(percent: str | float) -> str:
    """The class that makes a bar this wide, in whole percent: pages carry no style of their own."""
    return f"op-w-{min(100, max(0, round(float(percent))))}"
