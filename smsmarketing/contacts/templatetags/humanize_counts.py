"""Figures as people write them."""

from django import template

register = template.Library()


@register.filter
def grouped(value: object) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}" if isinstance(value, int) else str(value)
