"""What the web app alone keeps, in SQL: accounts, uploads, conversations, corrections, links."""

from sqlalchemy import delete, insert, select

from twin.backends.local.database import Database
from twin.web.store.accounts import Accounts
from twin.web.store.conversations import Conversations
from twin.web.store.corrections import Corrections
from twin.web.store.invitations import Invitations
from twin.web.store.tables import HEAD, MIGRATIONS, OF_TWINS, VERSION_TABLE, WAITING
from twin.web.store.uploads import Uploads


class Store:
    """The web app's tables, made or brought up to date when it is opened."""

    def __init__(self, database: Database) -> None:
        database.migrate(MIGRATIONS, head=HEAD, version_table=VERSION_TABLE)
        self.database = database
        self.accounts = Accounts(database)
        self.uploads = Uploads(database)
        self.conversations = Conversations(database)
        self.corrections = Corrections(database)
        self.invitations = Invitations(database)

    def wait_for(self, run_id: str, twin_id: str, account_id: str, *, language: str) -> None:
        """Note that an account wants a mail in its language when a run is over."""
        self.stop_waiting(run_id, account_id)
        values = {"run_id": run_id, "twin_id": twin_id, "account_id": account_id, "language": language}
        with self.database.write() as connection:
            connection.execute(insert(WAITING).values(values))

    def waits(self) -> list[tuple[str, str, str]]:
        """Which run which account waits for, and its language."""
        with self.database.read() as connection:
            return [(row.run_id, row.account_id, row.language) for row in connection.execute(select(WAITING))]

    def stop_waiting(self, run_id: str, account_id: str) -> bool:
        """Whether the account waited: the one who is told so may send the mail."""
        where = (WAITING.c.run_id == run_id) & (WAITING.c.account_id == account_id)
        with self.database.write() as connection:
            return bool(connection.execute(delete(WAITING).where(where)).rowcount)

    def forget_twin(self, twin_id: str) -> None:
        """Remove every row of a twin."""
        self.conversations.delete(twin_id=twin_id)
        self.invitations.delete_tests([test.token for test in self.invitations.tests(twin_id)])
        with self.database.write() as connection:
            for table in OF_TWINS:
                connection.execute(delete(table).where(table.c.twin_id == twin_id))
        self.database.scrub()

    def forget_account(self, account_id: str) -> None:
        """Remove every row of an account. Its twins are to be deleted before."""
        self.conversations.delete(owner=account_id)
        with self.database.write() as connection:
            connection.execute(delete(WAITING).where(WAITING.c.account_id == account_id))
        self.accounts.delete(account_id)
        self.database.scrub()
