"""Erasing a person [R-4.9]-[R-4.11]: the profile at once, the traces elsewhere by durable steps."""

from smsmarketing.contacts.services.erasing.exported import exports_erase
from smsmarketing.contacts.services.erasing.former import former_numbers_expire
from smsmarketing.contacts.services.erasing.free_text import free_text_add, free_text_columns
from smsmarketing.contacts.services.erasing.jobs import (
    Cleared,
    Traces,
    WaitingRequest,
    erase_work,
    eraser_add,
    erasures_open,
    requests_finder_add,
    requests_waited,
)
from smsmarketing.contacts.services.erasing.person import Erased, person_erase, trash_expire
from smsmarketing.contacts.services.erasing.traces import answers_erase

__all__ = [
    "Cleared",
    "Erased",
    "Traces",
    "WaitingRequest",
    "answers_erase",
    "erase_work",
    "eraser_add",
    "erasures_open",
    "exports_erase",
    "former_numbers_expire",
    "free_text_add",
    "free_text_columns",
    "person_erase",
    "requests_finder_add",
    "requests_waited",
    "trash_expire",
]
