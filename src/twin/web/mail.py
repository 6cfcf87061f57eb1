"""Mail: through SMTP where it is set, printed where not."""

import smtplib
import ssl
import sys
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from twin.errors import SettingsError, UnavailableError

TIMEOUT_S = 20.0


class Mailer:
    """Sends mail to people.

    Args:
        address: `smtp://USER:PASSWORD@HOST:PORT` (STARTTLS where the server offers it), `smtps://…`, or "" to print.
        sender: the address that mail comes from.
        show: where mail goes that is printed.
    """

    def __init__(self, address: str, sender: str, *, show: Callable[[str], object] = sys.stderr.write) -> None:
        self._server = urlsplit(address)
        self._sender = sender
        self._show = show
        if address and (self._server.scheme not in {"smtp", "smtps"} or not self._server.hostname):
            raise SettingsError("TWIN_MAIL is not of the form smtp://USER:PASSWORD@HOST:PORT. Mend it, or unset it.")

    @property
    def sends(self) -> bool:
        """Whether mail reaches people, so that an address can be confirmed by it."""
        return bool(self._server.hostname)

    def send(self, to: str, subject: str, text: str) -> None:
        """Raises UnavailableError where the server does not take it."""
        if not self.sends:
            self._show(f"\n── mail to {to}: {subject}\n{text}\n──\n")
            return
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, subject
        message.set_content(text)
        try:
            with self._connected() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise UnavailableError(
                f"The mail server {self._server.hostname} does not take mail ({type(error).__name__}). Try again later."
            ) from error

    def _connected(self) -> smtplib.SMTP:
        host, port = self._server.hostname or "", self._server.port
        if self._server.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port or 587, timeout=TIMEOUT_S)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
        if self._server.username:
            server.login(unquote(self._server.username), unquote(self._server.password or ""))
        return server
