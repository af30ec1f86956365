"""Who may look: a token in the address, kept as a cookie, and the names under which the page may be asked for."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import ipaddress
import re
import secrets
import socket

from daedalus.errors import RunError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # all addresses of this machine
LENGTH = 24  # bytes of a token that nobody chooses
_CHOSEN = re.compile(r"[A-Za-z0-9_.~-]{12,128}")
_PORT = re.compile(r":\d*$")


@dataclasses.dataclass(frozen=True)
class Access:
    """What a request must know: the token; and the names by which it must call this machine.

    A foreign page can make a browser ask a name of its own that leads here (DNS rebinding); it cannot make the browser
    send another name.
    """

    token: str
    host: str  # that is served

    @property
    def cookie(self) -> str:
        """The name of the cookie, one per token: cookies do not tell ports apart."""
        return f"daedalus-explorer-{hashlib.sha256(self.token.encode()).hexdigest()[:8]}"

    def knows(self, offered: str | None) -> bool:
        """Whether somebody has the token; takes as long for a wrong one as for the right one."""
        return hmac.compare_digest((offered or "").encode("utf-8", "replace"), self.token.encode())

    def serves(self, header: str | None) -> bool:
        """Whether a request's Host header calls this machine by a name it is served under; ports may be forwarded."""
        name = _PORT.sub("", header or "").strip("[]").lower()
        if name in LOOPBACK or (name and name == self.host.lower()):
            return True
        if self.host not in EVERYWHERE:
            return False
        return name in (socket.gethostname().lower(), socket.getfqdn().lower()) or _is_address(name)


def access(host: str, token: str | None = None) -> Access:
    """The access to a page that is served under a host name, with a random token unless one is chosen.

    Raises:
        RunError: the chosen token is short, or has letters that an address cannot hold.
    """
    if token is None:
        return Access(secrets.token_urlsafe(LENGTH), host)
    if not _CHOSEN.fullmatch(token):
        raise RunError(
            f"the token has {len(token)} letters; expected 12 to 128 of A-Z, a-z, 0-9 and _ . ~ -, so that it cannot "
            "be guessed and an address can hold it. Leave --token out for a random one."
        )
    return Access(token, host)


def _is_address(name: str) -> bool:
    """Whether a name is an IP address, to which no other name can be bound."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
