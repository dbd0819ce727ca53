"""The one grammar for machines: turns a word of a command line or a call into what it names.

    host | chip | spinn3 | spinn5 | spinn5xN | board:HOST | spalloc:SERVER?boards=N

`chip` and `spinn...` name emulated machines, whose shape is known from the word alone. The shape of a real board or of
an allocation is known when it answers: nothing is contacted here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from spinntensor.errors import UnknownNameError
from spinntensor.machine.facts import Facts
from spinntensor.machine.geometry import Machine, MachineError, chip, spinn3, spinn5

FORMS = ("host", "chip", "spinn3", "spinn5", "spinn5xN", "board:HOST", "spalloc:SERVER?boards=N")

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_SERVER = re.compile(rf"(?:https?://)?(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?:/[^\s?@#]*)?")
_NUMBER = re.compile(r"0*[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Host:
    """This computer, without any SpiNNaker."""

    @property
    def name(self) -> str:
        """As the grammar spells it."""
        return "host"


@dataclass(frozen=True)
class Board:
    """A real board in reach of this computer.

    Parameters
    ----------
    host : its name or IPv4 address.
    """

    host: str

    @property
    def name(self) -> str:
        """As the grammar spells it."""
        return f"board:{self.host}"


@dataclass(frozen=True)
class Spalloc:
    """Boards to be allocated by a spalloc server.

    Parameters
    ----------
    server : its name or URL, with port and path where it needs them. User and password are never part of it.
    boards : how many to ask for.
    """

    server: str
    boards: int = 1

    @property
    def name(self) -> str:
        """As the grammar spells it."""
        return f"spalloc:{self.server}?boards={self.boards}"


Target = Host | Machine | Board | Spalloc
"""What a word of the grammar names; `name` of each spells it again."""


def parse(text: str, facts: Facts | None = None) -> Target:
    """What `text` names; emulated machines get `facts`, or the standard ones.

    Raises UnknownNameError for a word that the grammar does not have, and MachineError for one that it has with
    something wrong behind it.
    """
    word = text.strip()
    head, colon, rest = word.partition(":")
    head = head.lower()
    if colon and head in ("board", "spalloc"):
        return _board(word, rest) if head == "board" else _spalloc(word, rest)
    plain = word.lower()
    if plain == "host":
        return Host()
    if plain == "chip":
        return chip(facts)
    if plain == "spinn3":
        return spinn3(facts)
    if plain == "spinn5":
        return spinn5(1, facts)
    if plain.startswith("spinn5x"):
        return spinn5(_count(word, plain.removeprefix("spinn5x")), facts)
    raise UnknownNameError("machine", word, FORMS)


def _board(word: str, host: str) -> Board:
    if not _is_host(host):
        received = f"{host!r} as its address" if host else "no address"
        raise MachineError(
            word,
            received,
            "a host name or an IPv4 address",
            "write board:192.168.240.1, or as yours is called",
        )
    return Board(host)


def _spalloc(word: str, rest: str) -> Spalloc:
    server, question, query = rest.partition("?")
    if "@" in server:
        shown = f"spalloc:...@{server.rpartition('@')[2]}{question}{query}"
        raise MachineError(
            shown,
            "a user or password in the server's address",
            "the address alone",
            "set SPALLOC_USER and SPALLOC_PASSWORD",
        )
    match = _SERVER.fullmatch(server)
    if not match or not _is_host(match["host"]) or not 0 < int(match["port"] or 1) < 1 << 16:
        received = f"{server!r} as its server" if server else "no server"
        expected = "a host name or a URL, with a port up to 65535 where it needs one"
        raise MachineError(word, received, expected, "write spalloc:SERVER?boards=N")
    key, equals, count = query.partition("=")
    if question and (key != "boards" or not equals):
        raise MachineError(word, f"?{query}", "?boards=N", "write spalloc:SERVER?boards=N")
    return Spalloc(server, _count(word, count) if question else 1)


def _count(word: str, digits: str) -> int:
    if not _NUMBER.fullmatch(digits):
        received = f"{digits!r} boards" if digits else "no number of boards"
        raise MachineError(
            word, received, "a whole number from 1 to 999999", "write how many boards, such as 3"
        )
    return int(digits)


def _is_host(host: str) -> bool:
    """Whether this can be a host: a name, or four numbers that are an address."""
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return False
    return bool(re.fullmatch(_HOST, host)) and len(host) <= 253
