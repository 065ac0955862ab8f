"""Encryption of personal data at rest: AES-256-GCM, and keyed hashes for look-up.

An encrypted text reads ``<key id>.<base64url of nonce and ciphertext>``; the key id tells which key is needed, so that
keys can be changed later without guessing. Keys live outside the database (``Settings.secret``).
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.settings import Settings
from store.errors import Tampered, WrongKey

_NONCE_BYTES: Final = 12
"""NIST SP 800-38D: 96-bit nonces; drawn at random."""


class Vault:
    """Encrypts, decrypts and hashes with the installation's keys ``data_key`` and ``number_key``."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.secret("data_key").encode()
        self._cipher = AESGCM(_derive(secret, b"hotline data", 32))
        self._key_id: Final = _derive(secret, b"hotline data key id", 4).hex()
        self._file_secret = _derive(secret, b"hotline files", 32)
        self._number_key = settings.secret("number_key").encode()

    @property
    def key_id(self) -> str:
        """Names the key that is in use: 8 hexadecimal characters."""
        return self._key_id

    def file_cipher(self, file_id: str) -> AESGCM:
        """A cipher for one file alone, so that its blocks may be sealed with nonces of their own."""
        return AESGCM(_derive(self._file_secret, file_id.encode(), 32))

    def encrypt(self, text: str, context: str = "") -> str:
        """Encrypt ``text``. Where ``context`` (say a row's id) is given, only the same one decrypts it."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.encode(), context.encode())
        return f"{self._key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode('ascii')}"

    def decrypt(self, sealed: str, context: str = "") -> str:
        """The text again; raises :class:`WrongKey` or :class:`Tampered`."""
        key_id, _, body = sealed.partition(".")
        if not body:
            raise Tampered
        if key_id != self._key_id:
            raise WrongKey(key_id, self._key_id)
        try:
            raw = base64.b64decode(body, altchars=b"-_", validate=True)
            if base64.urlsafe_b64encode(raw).decode("ascii") != body:
                raise Tampered
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise Tampered from error

    def encrypt_json(self, value: object, context: str = "") -> str:
        """Encrypt what JSON can hold."""
        return self.encrypt(json.dumps(value, ensure_ascii=False, separators=(",", ":")), context)

    def decrypt_json(self, sealed: str, context: str = "") -> object:
        """What :meth:`encrypt_json` was given."""
        value: object = json.loads(self.decrypt(sealed, context))
        return value

    def key(self, text: str) -> str:
        """Keyed hash of ``text`` (a normalised number) for look-up: HMAC-SHA-256, 64 hexadecimal characters."""
        return hmac.new(self._number_key, text.encode(), hashlib.sha256).hexdigest()


def _derive(secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret)
