"""Who is calling: a contact per number, encrypted at rest, masked on screen."""

from typing import Final

from sqlalchemy import select, update

from config.clock import Clock
from config.errors import HotlineError
from store.engine import Database
from store.ids import new_id
from store.number import normalise_number
from store.schema import contacts
from store.upsert import insert
from store.vault import Vault

WITHHELD_LABEL: Final = "未显示号码"


class CallerError(HotlineError):
    """A caller cannot be remembered or found."""


class Callers:
    """The contacts: remembered by the keyed hash of their number, read back only where a person needs the number."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def remember(self, number: str) -> str:
        """The contact of ``number``, made on its first call; returns its id. A withheld number raises."""
        normal = normalise_number(number)
        if normal is None:
            raise CallerError("number_withheld", "没有可用的来电号码，无法登记来电人")
        key = self._vault.key(normal)
        query = select(contacts.c.id).where(contacts.c.number_key == key)
        async with self._database.connect() as connection:
            known = (await connection.execute(query)).scalar()
        if known:
            return str(known)
        async with self._database.begin() as connection:
            made = insert(connection, contacts).values(
                id=new_id(), number_key=key, number_enc=self._vault.encrypt(normal), created_at=self._clock.now()
            )
            await connection.execute(made.on_conflict_do_nothing(index_elements=["number_key"]))
            return str((await connection.execute(query)).scalar_one())

    async def number_of(self, contact_id: str) -> str:
        """The number in clear, for dialling or for a person who has a reason to see it."""
        async with self._database.connect() as connection:
            sealed = (
                await connection.execute(select(contacts.c.number_enc).where(contacts.c.id == contact_id))
            ).scalar()
        if sealed is None:
            raise CallerError("unknown_contact", "没有这位来电人的记录")
        return self._vault.decrypt(sealed)

    async def name_of(self, contact_id: str) -> str | None:
        """The name, where the caller gave one."""
        async with self._database.connect() as connection:
            sealed = (await connection.execute(select(contacts.c.name_enc).where(contacts.c.id == contact_id))).scalar()
        return self._vault.decrypt(sealed) if sealed else None

    async def set_name(self, contact_id: str, name: str) -> None:
        """Keep the name that the caller gave."""
        async with self._database.begin() as connection:
            change = update(contacts).where(contacts.c.id == contact_id).values(name_enc=self._vault.encrypt(name))
            await connection.execute(change)

    @staticmethod
    def mask(number: str | None) -> str:
        """See :func:`mask_number`."""
        return mask_number(number)

    @staticmethod
    def mask_name(name: str | None) -> str:
        """See :func:`mask_name`."""
        return mask_name(name)


def mask_number(number: str | None) -> str:
    """A number as screens show it: ``138****5678``; of a short one only the last two digits; withheld: in words."""
    if not number:
        return WITHHELD_LABEL
    if len(number) >= 11:
        return f"{number[:3]}****{number[-4:]}"
    return f"****{number[-2:]}"


def mask_name(name: str | None) -> str:
    """A name as screens show it: the surname and a star, ``张*``."""
    return f"{name[0]}*" if name else ""
