"""A credential store, as one method asks it: in a thread if need be, and alike for all.

Who asks for somebody unknown must not find out. So there is a made-up credential for
every name, the same one each time, and it costs what a real one costs.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from aiohttp_serverwamp.auth.credentials import Credential, CryptosignCredential
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.made_up import credential_of_nobody
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import CredentialStore

__all__ = ["Identify", "Lookup"]

#: ``fn(session, identity) -> Identity | SecondFactor | truthy | None``, or an awaitable
#: of it: who a client becomes that has proved to be `identity`.
Identify = Callable[[Any, Identity], Any]

C = TypeVar("C", bound=Credential)

_MIN_MASKING_KEY: Final = 16


class Lookup(Generic[C]):
    """The credentials of one class in a store.

    Raises `ConfigurationError` for what is no store, no function or no key.
    """

    def __init__(
        self,
        store: CredentialStore,
        kind: type[C],
        *,
        identify: Identify | None,
        masking_key: bytes | None,
    ) -> None:
        if not all(
            callable(getattr(store, name, None)) for name in ("find", "holders")
        ):
            raise ConfigurationError(
                f"{store!r} is no credential store: give StaticCredentials([...]), "
                "SQLiteCredentials(path) or an object with find() and holders()"
            )
        if identify is not None and not callable(identify):
            raise ConfigurationError(
                f"identify={identify!r}: give a function of two arguments, the session "
                "and the identity that it has proved"
            )
        if masking_key is not None and not _is_key(masking_key):
            raise ConfigurationError(
                f"masking_key= takes {_MIN_MASKING_KEY} random bytes or more"
            )
        self._store = store
        self._kind = kind
        self._identify = identify
        self._masking_key = masking_key or secrets.token_bytes(32)
        # What is made up for unknown names looks like this one, ever after: a name
        # whose challenges change shape is none.
        self._typical: C | None = None

    async def expected(self, session: Any, authid: str) -> tuple[C, bool]:
        """Return what a client has to prove that claims to be somebody.

        And whether there is such a name: if not, nobody can prove it.
        """
        found = await self.find(session, authid)
        # Made for known users as well: both are the same work.
        unknown = credential_of_nobody(self._kind, self._typical, self._mask(authid))
        return (unknown, False) if found is None else (found, True)

    async def find(self, session: Any, authid: str) -> C | None:
        """Return the credential of a name, or None."""
        method = self._kind.authmethod
        example = getattr(self._store, "example", None)
        if self._typical is None and example is not None:
            self._typical = self._checked(await self._ask(session, example, method))
        found = self._checked(
            await self._ask(session, self._store.find, method, authid)
        )
        self._typical = self._typical or found
        return found

    def _checked(self, found: Any) -> C | None:
        if found is None:
            return None
        if type(found) is not self._kind:
            raise self._wrong(found)
        credential: C = found
        return credential

    async def holders(
        self, session: Any, public_key: str
    ) -> Sequence[CryptosignCredential]:
        """Return the credentials of a public key."""
        found = await self._ask(session, self._store.holders, public_key)
        for each in found:
            if type(each) is not CryptosignCredential:
                raise self._wrong(each)
        return list(found)

    async def _ask(self, session: Any, question: Callable[..., Any], *args: str) -> Any:
        if getattr(self._store, "blocking", False):
            return await session.realm.run_in_thread(question, *args)
        answer = question(*args)
        return await answer if isawaitable(answer) else answer

    def _wrong(self, found: object) -> ConfigurationError:
        # Not shown: it may well be a secret.
        return ConfigurationError(
            f"a store has {self._kind.__name__} or nothing for "
            f"{self._kind.authmethod}, not {type(found).__name__}"
        )

    def _mask(self, authid: str) -> bytes:
        """Return 32 bytes that belong to a name, and tell nothing about it."""
        name = f"{self._kind.authmethod}\0{authid}".encode(errors="surrogatepass")
        return hmac.digest(self._masking_key, name, "sha256")

    def identity_of(self, credential: Credential) -> Identity:
        """Return who is let in by a credential."""
        identity = credential.identity
        if identity.authprovider is not None:
            return identity
        provider = getattr(self._store, "authprovider", "dynamic")
        return replace(identity, authprovider=provider)

    def identified(self, session: Any, identity: Identity) -> Any:
        """Return what a client becomes that has proved to be `identity`."""
        if self._identify is None:
            return identity
        return self._identify(session, identity)


def _is_key(value: object) -> bool:
    return isinstance(value, bytes) and len(value) >= _MIN_MASKING_KEY
