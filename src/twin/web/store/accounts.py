"""Accounts: who may log in. Addresses are unique whatever their case."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Select, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from twin.backends.local.database import Database
from twin.domain.twins import LOCAL_USER
from twin.web.store.tables import ACCOUNTS

# Every page asks: these are built once.
_BY_ID = select(ACCOUNTS).where(ACCOUNTS.c.id == bindparam("wanted"))
_BY_EMAIL = select(ACCOUNTS).where(ACCOUNTS.c.email == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who can log in.

    Attributes:
        password: its Argon2 hash.
        session: stands in every cookie and link of the account; a new one ends them all.
    """

    id: str
    email: str
    password: str
    session: str
    admin: bool
    created_at: datetime


class Accounts:
    """Accounts in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, email: str, password: str, *, owner_of_machine: bool, admins: frozenset[str], now: datetime
    ) -> Account | None:
        """A new account; None where the address has one already.

        Args:
            password: its hash.
            owner_of_machine: whether the first account is that of whoever runs twin here: it sees the twins that
                were made on the command line, and the admin page.
            admins: the addresses of others who see the admin page.
        """
        email = folded(email)
        if self.by_email(email):
            return None
        first = owner_of_machine and self.count() == 0
        for account_id in (LOCAL_USER, uuid4().hex) if first else (uuid4().hex,):
            admin = email in admins or account_id == LOCAL_USER
            account = Account(account_id, email, password, secrets.token_urlsafe(12), admin, now)
            try:
                with self._database.write() as connection:
                    connection.execute(insert(ACCOUNTS).values(_row(account)))
            except IntegrityError:  # somebody else was faster
                if self.by_email(email):
                    return None
                continue
            return account
        raise RuntimeError("no free account id")

    def get(self, account_id: str) -> Account | None:
        return self._one(_BY_ID, account_id)

    def by_email(self, email: str) -> Account | None:
        return self._one(_BY_EMAIL, folded(email))

    def count(self) -> int:
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(ACCOUNTS)).scalar_one()

    def all(self) -> list[Account]:
        """Every account, oldest first."""
        with self._database.read() as connection:
            return [Account(*row) for row in connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.created_at))]

    def set_password(self, account_id: str, password: str) -> None:
        """Set the hash of a new password; every session of the account ends."""
        values = {"password": password, "session": secrets.token_urlsafe(12)}
        with self._database.write() as connection:
            connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account_id).values(values))

    def make_admin(self, account_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account_id).values(admin=True))

    def rehash(self, account_id: str, password: str) -> None:
        """Replace the hash by a stronger one of the same password."""
        with self._database.write() as connection:
            connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account_id).values(password=password))

    def end_sessions(self, account_id: str) -> None:
        with self._database.write() as connection:
            new = secrets.token_urlsafe(12)
            connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account_id).values(session=new))

    def delete(self, account_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.id == account_id))

    def _one(self, query: Select[Any], wanted: str) -> Account | None:
        with self._database.read() as connection:
            row = connection.execute(query, {"wanted": wanted}).first()
            return Account(*row) if row else None


def folded(email: str) -> str:
    """An address as accounts are told apart by it."""
    return email.strip().casefold()


def _row(account: Account) -> dict[str, object]:
    return {name: getattr(account, name) for name in Account.__slots__}
