"""Sends control calls with `requests`: few, one at a time, for a person or a job that waits.

Whatever the other side does ends in an answer within the limits or in a ControlError: a total time,
a most of bytes, no redirects, no proxy or login of the environment, a cut-off body is no body.
"""

from __future__ import annotations

import time
from typing import Final, TypeVar

import requests
import urllib3

from smsmarketing.gateways.transports.controls import (
    MOST_BYTES,
    Answer,
    ControlCall,
    ControlError,
)

T = TypeVar("T")

TOTAL_S: Final = 20.0
_SENTENCES: Final = {
    "net_connect": "The provider does not accept connections, or its name cannot be looked up.",
    "net_tls": "No trusted TLS connection to the provider could be made. Check the base URL.",
    "net_timeout": "The provider did not answer in time.",
    "net_reset": "The connection was lost before the whole answer came.",
    "net_address": "The provider's address is not a usable URL. Correct the base URL.",
    "too_large": "The provider's answer is larger than anything it should say.",
}


def control_send(call: ControlCall[T], *, total_s: float = TOTAL_S) -> T:
    """Send one call and read its answer. Raises ControlError; never inside a transaction."""
    request = call.request
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.request(
                request.method,
                request.url,
                headers={name: value for name, value in request.headers if value},
                data=request.body or None,
                timeout=(request.timeout.connect_s, min(request.timeout.read_s, total_s)),
                allow_redirects=False,
                stream=True,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                answer = Answer(response.status_code, headers, _body(response, total_s))
    except requests.exceptions.SSLError:
        raise _failed("net_tls", retryable=False) from None
    except requests.exceptions.ConnectTimeout:
        raise _failed("net_connect") from None
    except requests.exceptions.Timeout:
        raise _failed("net_timeout") from None
    except (
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
        urllib3.exceptions.HTTPError,
    ):
        raise _failed("net_reset") from None
    except requests.exceptions.ConnectionError as exc:
        lost = isinstance(exc.args[0] if exc.args else None, urllib3.exceptions.ProtocolError)
        raise _failed("net_reset" if lost else "net_connect") from None
    except (requests.exceptions.RequestException, ValueError, UnicodeError):
        raise _failed("net_address", retryable=False) from None
    return call.read(answer)


def _body(response: requests.Response, total_s: float) -> bytes:
    """The whole body, within its time and size. A body shorter than announced raises."""
    ends = time.monotonic() + total_s
    pieces = bytearray()
    for piece in response.iter_content(16 * 1024):
        pieces += piece
        if len(pieces) > MOST_BYTES:
            raise _failed("too_large", retryable=False)
        if time.monotonic() > ends:
            raise _failed("net_timeout")
    return bytes(pieces)


def _failed(code: str, *, retryable: bool = True) -> ControlError:
    unclear = code in ("net_timeout", "net_reset", "too_large")
    return ControlError(_SENTENCES[code], code=code, retryable=retryable, unclear=unclear)
