"""Checks a V4 signed URL the way Cloud Storage documents it; the emulators check nothing.

Source: https://cloud.google.com/storage/docs/authentication/canonical-requests
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256


def refusal(url: str, key: RSAPublicKey, *, method: str, headers: Mapping[str, str], now: datetime) -> str | None:
    """Why Cloud Storage would refuse this request; None where it would not."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, strict_parsing=True))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    issued = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not issued <= now < issued + timedelta(seconds=int(query["X-Goog-Expires"])):
        return "expired"
    sent = {name.lower(): " ".join(value.split()) for name, value in headers.items()} | {"host": parts.netloc}
    signed = query["X-Goog-SignedHeaders"].split(";")
    if missing := [name for name in signed if name not in sent]:
        return f"missing header {missing[0]}"
    if loose := [name for name in sent if name.startswith("x-goog-") and name not in signed]:
        return f"unsigned header {loose[0]}"
    canonical = [
        method,
        parts.path,
        "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())),
        *(f"{name}:{sent[name]}" for name in signed),
        "",
        ";".join(signed),
        "UNSIGNED-PAYLOAD",
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    scope = query["X-Goog-Credential"].partition("/")[2]
    text = "\n".join([query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, digest])
    try:
        key.verify(signature, text.encode(), padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return "signature"
    return None
