"""The notebooks of all sessions: which one a call writes to, how long they stay, and how much they may hold together.

Over stdio there is one client, so there is a default notebook and every session name is taken as given. Over HTTP
there may be many. In the handshake era each connection has its own default notebook and its own names. The modern era
has no connection identity: a call without a session id opens a session and is told its id, and a short name that was
never handed out is taken for a model's guess and opens a new session too, so that two clients that both guess "1"
never share thoughts.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from understudy_servers.thinking import guidance
from understudy_servers.thinking.guidance import Hint
from understudy_servers.thinking.notebook import IDLE, KEPT, Entry, Notebook, Reply
from understudy_servers.thinking.store import Store
from understudy_servers.thinking.thought import Draft

SESSIONS = 100  # beyond these, sessions that are idle for `IDLE` seconds are dropped
MOST_SESSIONS = 2_000  # beyond these, a new session is refused while nobody is idle
MEMORY = 32 * 1024 * 1024  # bytes of kept thoughts in all sessions together
OWN_NAME = 16  # characters from which a name over modern HTTP counts as the client's own
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
ID_LENGTH = 12  # of 31 letters: 59 bits, not to be guessed


class TooManySessions(Exception):
    """Every session is in use and there are too many to open another."""

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_SESSIONS} thinking sessions are in use. Send the sessionId of one of yours, or try again later."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a call came from: `scope` names the connection; `anonymous` means that there is none to name."""

    scope: str = ""
    anonymous: bool = False
    remote: bool = False


@dataclass(slots=True, kw_only=True)
class Session:
    """A notebook with an id of its own and the name its client knows it by."""

    id: str
    name: str
    scope: str
    notebook: Notebook
    used: float
    named: bool = field(default=False)  # the client chose the name
    stored: int = 0  # bytes of its file when we last read or wrote it; more means that another process went on


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The outcome of one thought: in which session, what is replied, and what the session itself calls for."""

    session: Session
    reply: Reply
    hint: Hint | None
    show_id: bool


class Shelf:
    """All sessions of one server process. `clock` gives seconds since the epoch."""

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        store: Store | None = None,
        rollover: bool = True,
        kept: int = KEPT,
        sessions: int = SESSIONS,
        memory: int = MEMORY,
    ) -> None:
        self.clock, self.store, self.rollover = clock, store, rollover
        self.kept, self.limit, self.memory = kept, sessions, memory
        self.size = 0
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # least recently used first
        self._names: dict[tuple[str, str], str] = {}
        self._defaults: dict[str, str] = {}

    def think(self, draft: Draft, place: Place, given: str | None = None) -> Kept:
        """Write one thought into the session it belongs to.

        Raises:
            TooManySessions: it needs a new session and there is no room.
            StoreError: it could not be stored; the notebook is as it was.
        """
        now = self.clock()
        session, opened = self._session(draft, place, given, now)
        if opened:
            self._make_room(now)
        else:
            self._catch_up(session)
        entry = session.notebook.weigh(draft, now)
        if self.store is not None:
            session.stored = self.store.append(session.id, entry.thought)
        if opened:
            self._add(session, place, default=given is None)
        reply = self._accept(session, entry, now)
        lost = opened and place.anonymous and given is None and (draft.number or 1) > 1
        return Kept(
            session=session,
            reply=reply,
            hint=guidance.nameless(session.name) if lost else reply.hint,
            show_id=place.remote and session.name != given and (place.anonymous or opened),
        )

    def find(self, name: str, place: Place) -> Notebook | None:
        """Find a session's notebook by id or by the name its client gave it, in memory or in the store."""
        session = self._known(name, place)
        if session is not None:
            self._catch_up(session)
            return session.notebook
        if self.store is not None and (not place.remote or _minted(name)) and self.store.has(name):
            return Notebook.restored(self.store.read(name), kept=self.kept)
        return None

    def current(self, place: Place) -> Session | None:
        """Give the session this connection used last."""
        return next((one for one in reversed(self._sessions.values()) if self._belongs(one, place)), None)

    def visible(self, place: Place) -> list[Session]:
        """List the sessions a client may know of, the latest used first: its own, and over anonymous HTTP none."""
        return [one for one in reversed(self._sessions.values()) if self._belongs(one, place)]

    def _belongs(self, session: Session, place: Place) -> bool:
        return not place.anonymous and session.scope == place.scope

    def _session(self, draft: Draft, place: Place, given: str | None, now: float) -> tuple[Session, bool]:
        """Give the session a call belongs to, and whether it has just been made and is not on the shelf yet."""
        if given is not None:
            known = self._known(given, place)
            return (known, False) if known is not None else (self._new(place, given, now), True)
        default = self._sessions.get(self._defaults.get(place.scope, "")) if not place.anonymous else None
        if default is None or (self.rollover and default.notebook.begins_anew(draft, now)):
            return self._new(place, None, now), True
        return default, False

    def _known(self, name: str, place: Place) -> Session | None:
        named = self._names.get((place.scope, name))
        if named is not None:
            return self._sessions[named]
        session = self._sessions.get(name)
        # An id that was handed out is known to whoever was told it; a chosen name only in its own scope.
        return session if session is not None and (not session.named or session.scope == place.scope) else None

    def _new(self, place: Place, given: str | None, now: float) -> Session:
        if given is not None and self._handed_out(given):
            id, name, named = given, given, False
        elif given is None or (place.anonymous and len(given) < OWN_NAME):
            id = name = mint()
            named = False
        else:
            id, name, named = mint() if place.remote and not place.anonymous else given, given, True
        return Session(id=id, name=name, scope=place.scope, notebook=self._notebook(id), used=now, named=named)

    def _handed_out(self, name: str) -> bool:
        """Say whether `name` is an id that was handed out earlier and is in the store."""
        return self.store is not None and _minted(name) and self.store.has(name)

    def _catch_up(self, session: Session) -> None:
        """Read a session anew where another process over the same store went on with it, as behind a load balancer."""
        if self.store is None or (size := self.store.size(session.id)) <= session.stored:
            return
        before = session.notebook.size
        session.notebook, session.stored = self._notebook(session.id), size
        self.size += session.notebook.size - before

    def _notebook(self, id: str) -> Notebook:
        if self.store is not None and self.store.has(id):
            return Notebook.restored(self.store.read(id), kept=self.kept)
        return Notebook(kept=self.kept)

    def _add(self, session: Session, place: Place, *, default: bool) -> None:
        self._sessions[session.id] = session
        self.size += session.notebook.size
        if session.named:
            self._names[session.scope, session.name] = session.id
        if default and not place.anonymous:
            self._defaults[place.scope] = session.id

    def _accept(self, session: Session, entry: Entry, now: float) -> Reply:
        before = session.notebook.size
        reply = session.notebook.accept(entry)
        session.used = now
        self._sessions.move_to_end(session.id)
        self.size += session.notebook.size - before
        if self.size > self.memory:
            self._trim()
        return reply

    def _trim(self) -> None:
        """Forget the oldest thoughts of the least recently used sessions until the rest fits; one always stays."""
        for session in self._sessions.values():
            while self.size > self.memory and len(session.notebook.thoughts) > 1:
                self.size -= session.notebook.forget_oldest()

    def _make_room(self, now: float) -> None:
        """Drop idle sessions beyond the limit.

        Raises:
            TooManySessions: none is idle and there are far too many.
        """
        while len(self._sessions) >= self.limit:
            oldest = next(iter(self._sessions.values()))
            if now - oldest.used < IDLE:
                break
            self._drop(oldest)
        if len(self._sessions) >= MOST_SESSIONS:
            raise TooManySessions

    def _drop(self, session: Session) -> None:
        del self._sessions[session.id]
        self.size -= session.notebook.size
        self._names.pop((session.scope, session.name), None)
        if self._defaults.get(session.scope) == session.id:
            del self._defaults[session.scope]


def mint() -> str:
    """Make a session id that cannot be guessed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def _minted(name: str) -> bool:
    return len(name) == ID_LENGTH and all(character in ALPHABET for character in name)
