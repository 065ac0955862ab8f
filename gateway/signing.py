"""Signed tokens for visitors and agents: claims that only this installation can have made, with an end."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from config.clock import Clock


class TokenSigner:
    """HMAC-SHA-256 over the claims and their purpose; a token for one purpose is worthless for another."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._secret = secret.encode()
        self._clock = clock

    def sign(self, purpose: str, claims: Mapping[str, Any], lifetime_s: float) -> str:
        """A token that carries ``claims`` for ``lifetime_s`` seconds."""
        body = {**claims, "exp": self._clock.now().timestamp() + lifetime_s}
        packed = _pack(json.dumps(body, separators=(",", ":")).encode())
        return f"{packed}.{self._mac(purpose, packed)}"

    def read(self, purpose: str, token: str) -> dict[str, Any] | None:
        """The claims of a token; ``None`` when it is forged, meant for something else, or has run out."""
        packed, _, mac = token.partition(".")
        if not mac or not token.isascii() or not hmac.compare_digest(mac, self._mac(purpose, packed)):
            return None
        try:
            claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        except (binascii.Error, ValueError):
            return None
        return claims if claims["exp"] > self._clock.now().timestamp() else None

    def derive(self, purpose: str, text: str) -> str:
        """A secret that belongs to ``text``, such as the CSRF token of a session."""
        return self._mac(purpose, text)

    def _mac(self, purpose: str, text: str) -> str:
        return _pack(hmac.new(self._secret, f"{purpose}\n{text}".encode(), hashlib.sha256).digest())


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
