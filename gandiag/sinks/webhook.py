"""Findings to an address as JSON that Slack and its kin understand, or to a function."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from gandiag.findings import json_ready
from gandiag.sinks.base import Event, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SECONDS = 5.0  # an address is waited for


class Webhook(Sink):
    """Posts `{"text": ..., "event": {...}}` for each new finding and for the verdict: Slack shows `text`."""

    name = "webhook"

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"sinks: a webhook's address begins with https:// or http://, got {url!r}")
        self._url, self._seconds = url, seconds

    def event(self, event: Event) -> None:
        """See `Sink`."""
        content = json.dumps(
            {"text": f"gandiag: step {event.step:,}: {event.title}: {event.text}", "event": json_ready(event.fields)}
        )
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url, data=content.encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=self._seconds) as answer:  # noqa: S310
            answer.read(1024)


class Function(Sink):
    """Calls a function with the fields of each new finding, and of the verdict."""

    name = "function"

    def __init__(self, function: Callable[[Mapping[str, Any]], Any]) -> None:
        self._function = function
        self.name = getattr(function, "__name__", "function")

    def event(self, event: Event) -> None:
        """See `Sink`."""
        self._function(dict(event.fields))
