"""Mail: mbox files and single messages (eml), own and received."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Mail
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple

from twin.domain.messages import Kind, Message
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.mailbodies import body_of
from twin.ingest.mailboxes import HEAD_BYTES, is_mail, is_mbox, mails
from twin.ingest.mailtext import own_words
from twin.ingest.threads import Titles
from twin.ingest.unknown import without_media

_PLATFORM = "mail"
_ADDRESS = re.compile(r"([^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+)")
_REPLY = re.compile(
    r"^\s*(?:(?:re|aw|antw|sv|vs|rv|res|ynt|odp|回复|答复|返信|fwd?|wg|tr|rv|i|enc|doorst|転送|转发)\s*(?:\[\d+\])?[:：]\s*)+",
    re.I,
)
_FORWARD = re.compile(r"^\s*(?:fwd?|wg|tr|rv|i|enc|doorst|vs|vb|転送|转发)\s*[:：]", re.I)
# Gmail's label and the usual names of the folder, by language.
_SENT = re.compile(
    r"sent|gesendet|enviad[oa]s?|envoy[ée]s?|messages envoyés|inviat[ai]|posta inviata|verzonden|wysłane|отправленные"
    r"|skickat|skickade|sendt|send|gönderilmiş.*|gönderilen.*|送信済み.*|보낸.*|已发送.*|寄件備份|đã gửi|lähetetyt|odeslané|elküldött.*",
    re.I,
)
_DRAFT = re.compile(
    r"drafts?|entwürfe|borradores|brouillons|bozze|rascunhos|concepten|wersje robocze|черновики|utkast", re.I
)
_ROBOT = re.compile(r"(?:no|do[-_.]?not)[-_.]?reply|mailer-daemon|postmaster@|bounce|notifications?@|newsletter", re.I)


def claim(files: Sequence[File], options: Options) -> list[Export]:
    """Each mbox is an export; single messages are one export together."""
    exports = list[Export]()
    single = list[File]()
    for file in without_media(files):
        head = file.head(HEAD_BYTES)
        if is_mbox(head):
            exports.append(Export(_PLATFORM, "mbox", [file], partial(_parse, [file], options)))
        elif is_mail(head, file.path):
            single.append(file)
    if single:
        exports.append(Export(_PLATFORM, "eml", single, partial(_parse, single, options)))
    return exports


class _Seen(NamedTuple):
    """What decides whose mail a file holds: counts by address."""

    sent: Counter[str]
    written: Counter[str]
    received: Counter[str]
    names: dict[str, str]


def _parse(files: Sequence[File], options: Options, report: Report) -> Iterator[Message]:
    report.time_zone = "offset stated"
    titles = Titles()
    seen = _Seen(Counter(), Counter(), Counter(), {})
    ids = set[int]()
    copies = drafts = number = 0
    for file in files:
        in_sent = any(_SENT.fullmatch(part.removesuffix(".mbox")) for part in file.path.parts)
        for data in mails(file):
            number += 1
            try:
                mail = message_from_bytes(data)
                message_id = _header(mail, "Message-ID")
                identity = hash(message_id)
                if message_id and identity in ids:
                    copies += 1
                    continue
                labels = [label.strip() for label in _header(mail, "X-Gmail-Labels").split(",")]
                if any(_DRAFT.fullmatch(label) for label in labels) or "X-Unsent" in mail:
                    drafts += 1
                    continue
                message = _message(mail, titles, message_id or f"{file.path}#{number}")
            except (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
                report.miss(number)  # a mail that the library cannot take apart
                continue
            if message is None:
                report.miss(number)
                continue
            ids.add(identity)
            _note(seen, mail, message, sent=in_sent or any(_SENT.fullmatch(label) for label in labels))
            yield message
    if copies:
        report.warnings.append(f"{copies:,} mails were left out: they repeat the Message-ID of another one.")
    if drafts:
        report.warnings.append(f"{drafts:,} drafts were left out.")
    _tell_owner(report, seen, options)


def _note(seen: _Seen, mail: Mail, message: Message, *, sent: bool) -> None:
    address = message.sender_id or ""
    if sent:
        seen.sent[address] += 1
    seen.written[address] += 1
    seen.names.setdefault(address, message.sender or address)
    for key in ("Delivered-To", "To"):
        found = _ADDRESS.search(_header(mail, key))
        if found:
            seen.received[found[1].lower()] += 1
            break


def _tell_owner(report: Report, seen: _Seen, options: Options) -> None:
    known = {owner.lower() for owner in options.owners}
    own = [address for address in seen.written if address in known]
    if own:
        address, evidence = own[0], "an address that was named as the owner's"
    elif seen.sent:
        address, evidence = seen.sent.most_common(1)[0][0], "wrote the mails in Sent"
    elif len(seen.written) == 1 and seen.written.total() > 2:
        address, evidence = next(iter(seen.written)), "wrote every mail"
    else:
        both = Counter({address: count for address, count in seen.received.items() if address in seen.written})
        if not both:
            return
        address, evidence = both.most_common(1)[0][0], "is whom most of the mails are sent to, and writes too"
    if address:
        report.owner, report.owner_id, report.owner_evidence = seen.names[address], address, evidence


def _message(mail: Mail, titles: Titles, identity: str) -> Message | None:
    name, address = _sender(mail)
    if not address and not name:
        return None
    subject = _header(mail, "Subject")
    references = _header(mail, "References").split() or _header(mail, "In-Reply-To").split()
    thread = _header(mail, "X-GM-THRID") or (references[0] if references else identity)
    chat = titles.name(_REPLY.sub("", subject).strip() or "(no subject)", thread)
    text, attached, calendar = body_of(mail)
    own = own_words(text)
    if calendar or _is_automatic(mail, address):
        kind = Kind.SYSTEM
    elif own:
        kind = Kind.TEXT
    elif text.strip() or _FORWARD.match(subject):
        kind = Kind.FORWARD
    else:
        kind = Kind.MEDIA if attached else Kind.EMPTY
    return Message(_PLATFORM, chat, name or address, _date(mail), kind, own, None, address or None)


def _raw(mail: Mail, name: str) -> str:
    """A header as it stands there, unfolded; bytes that are no ASCII are UTF-8 in most mails."""
    for key, value in mail.raw_items():
        if key.lower() == name:
            return " ".join(str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
    return ""


def _decoded(raw: str) -> str:
    """With its encoded words (`=?UTF-8?Q?…?=`) as text."""
    if "=?" not in raw:
        return raw
    try:
        return str(make_header(decode_header(raw)))
    except (LookupError, ValueError, MessageError):
        return raw


def _header(mail: Mail, name: str) -> str:
    return _decoded(_raw(mail, name.lower()))


def _sender(mail: Mail) -> tuple[str, str]:
    """Display name and address; the name is decoded after the two are told apart, because it may hold a comma."""
    raw = _raw(mail, "from") or _raw(mail, "sender")
    found = re.match(r"(.*)<([^<>\s]*@[^<>\s]*)>", raw)
    if found:
        name, address = found[1], found[2]
    else:
        bare = _ADDRESS.search(raw)
        name, address = ("", bare[1]) if bare else (raw, "")
    name = _decoded(name.strip())
    return name.strip().strip('"').strip(), address.lower()


def _date(mail: Mail) -> datetime | None:
    try:
        date = parsedate_to_datetime(_header(mail, "Date"))
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _is_automatic(mail: Mail, address: str) -> bool:
    """Newsletters, notifications, out-of-office replies, mailing lists' own mails."""
    return (
        _header(mail, "Auto-Submitted").lower() not in ("", "no")
        or _header(mail, "Precedence").lower() in ("bulk", "junk", "auto_reply", "list")
        or any(name in mail for name in ("List-Unsubscribe", "X-Autoreply", "X-Autorespond", "Feedback-ID"))
        or _ROBOT.search(address) is not None
    )
