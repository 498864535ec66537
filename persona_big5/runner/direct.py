"""OpenAI-compatible endpoints over connections of our own: one pool for all, one request out, its JSON back.

A tenth of the CPU of litellm's own call. Addresses, headers and bodies come from litellm's translation (``door``).
"""

from __future__ import annotations

import asyncio
import json
import os
from functools import cache
from ssl import create_default_context
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi

from persona_big5.errors import AccessError
from persona_big5.runner.reading import read_failure, without_secrets
from persona_big5.runner.reply import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

_MOST_BYTES = 32 * 2**20  # of one reply; no honest one comes near


class Connections:
    """A pool of connections within one event loop; how many are open at once is the caller's to decide."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_trusted()),
        )

    async def post(
        self, url: str, headers: Mapping[str, str], body: Mapping[str, Any], *, timeout: float, key: str | None
    ) -> object:
        """Send a request once and return the JSON of the reply.

        Parameters
        ----------
        url, headers, body
            As they are sent. Redirections are not followed: they could lead a key to another host.
        timeout
            Seconds until the whole reply must be here.
        key
            The key in the headers, to be blanked out of messages.

        Raises
        ------
        Failure
            If no readable reply came.
        """
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        try:
            async with (
                asyncio.timeout(timeout),
                self._session.post(
                    url, data=data, headers=headers, allow_redirects=False, timeout=_NO_TIMEOUT, proxy=_proxy(url)
                ) as answer,
            ):
                raw = await _read(answer.content)
                status, received = answer.status, answer.headers
        except TimeoutError:
            raise Failure("timed_out", f"no reply within {timeout:g} s") from None
        except aiohttp.ClientSSLError as error:
            raise Failure("unreachable", without_secrets(str(error), key)) from None
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno or 0
            why = os.strerror(number) if number > 0 else str(error.os_error)  # below are those of name servers
            raise Failure("unreachable", f"{error.host}:{error.port}: {without_secrets(why, key)}") from None
        except ValueError as error:  # an address or a key that cannot be sent
            raise Failure("unreachable", without_secrets(str(error), key)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Failure("dropped", without_secrets(str(error) or type(error).__name__, key)) from None
        if status != 200:
            raise read_failure(status, raw.decode("utf-8", "replace"), received, key)
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            start = without_secrets(raw.decode("utf-8", "replace"), key)
            raise Failure("unreadable", f"no readable JSON: {start}") from None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _trusted() -> SSLContext:
    """Trust the certificates that the user names in SSL_CERT_FILE, or else those that come with Python's packages."""
    named = os.environ.get("SSL_CERT_FILE")
    try:
        return create_default_context(cafile=named or certifi.where())
    except OSError as error:
        raise AccessError(f"the certificates in SSL_CERT_FILE ({named}) cannot be read: {error.strerror}") from error


@cache
def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for an address; aiohttp's own look-up would read ~/.netrc too."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # ours is around the call


async def _read(content: aiohttp.StreamReader) -> bytes:
    raw = bytearray()
    async for part in content.iter_any():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise Failure("unreadable", f"a reply of more than {_MOST_BYTES // 2**20} MiB")
    return bytes(raw)
