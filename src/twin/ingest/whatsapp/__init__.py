"""WhatsApp exports: iPhone, Android, iPhone before 2016, WhatsApp Web, and viewers of its database."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, count

from twin.domain.messages import Message
from twin.errors import ExportError
from twin.ingest.date_order import disagreement
from twin.ingest.encoding import detect
from twin.ingest.export import Export, File, Options, Report
from twin.ingest.merge import merge, overlap
from twin.ingest.unknown import is_media
from twin.ingest.whatsapp import web
from twin.ingest.whatsapp.chat import PLATFORM, Text, messages
from twin.ingest.whatsapp.layout import Layout, learn
from twin.ingest.whatsapp.names import partner, title
from twin.ingest.whatsapp.phrases import fold, phrases
from twin.ingest.whatsapp.shapes import clean, shape_of

_LINES = 400
_COMPARED = 30


def claim(files: Sequence[File], options: Options) -> list[Export]:
    """One export per chat; several files of one chat are one export."""
    chats: dict[str, list[File]] = {}
    markdown: list[File] = []
    for file in files:
        if is_media(file.path) or not file.size:
            continue
        head = file.head()
        if web.is_markdown(head):
            markdown.append(file)
        elif _is_chat(file, head):
            chats.setdefault(partner(file.path) or _unnamed(file, chats), []).append(file)
    for file in markdown:
        beside = (name for name, group in chats.items() if any(one.path.parent == file.path.parent for one in group))
        chats.setdefault(next(beside, partner(file.path) or title(file.path)), []).append(file)
    names = frozenset(file.path.name for file in files if is_media(file.path))
    return [Export(PLATFORM, "", group, partial(_parse, group, chat, options, names)) for chat, group in chats.items()]


def _unnamed(file: File, chats: dict[str, list[File]]) -> str:
    """The chat of a file whose name tells none: the one that it overlaps with, or a new one."""
    others = [(name, other) for name, group in chats.items() for other in group if partner(other.path) is None]
    if len(others) < _COMPARED:
        for name, other in others:
            if overlap(file, other):
                return name
    name = title(file.path)
    return next(unused for i in count(1) if (unused := f"{name} ({i})" if i > 1 else name) not in chats)


def _is_chat(file: File, head: bytes) -> bool:
    """Whether the beginning of a file has WhatsApp's headers."""
    if head[:1] in {b"{", b"<"} or head.startswith((b"PK", b"SQLite", b"%PDF")):
        return False
    encoding = detect(head)
    if not encoding.startswith("utf-16") and b"\0" in head:
        return False
    lines = [line for line in head.decode(encoding, "ignore").splitlines() if line.strip()][:_LINES]
    shapes = [shape for line in lines if (shape := shape_of(clean(line[:200])))]
    if not shapes:
        return False
    named = any("whatsapp" in part.lower() for part in file.path.parts)
    if named or any(shape.bracket or shape.close in "-–—" for shape in shapes):
        return len(shapes) * 50 >= len(lines)
    return len(shapes) * 3 >= len(lines)


def _parse(
    files: Sequence[File], chat: str, options: Options, names: frozenset[str], report: Report
) -> Iterator[Message]:
    return chain.from_iterable(_streams(files, chat, options, names, report))


def _streams(
    files: Sequence[File], chat: str, options: Options, names: frozenset[str], report: Report
) -> Iterator[Iterator[Message]]:
    """One stream of messages; when it is used up, the report is completed."""
    markdown = [file for file in files if web.is_markdown(file.head())]
    texts: list[Text] = []
    for file in files:
        if file in markdown:
            continue
        layout = learn(file, options, chat=chat, attachments=names)
        if layout is None:
            raise ExportError(f"{file.path} changed while it was read, or was cut off. Export the chat again.")
        texts.append(Text(file, layout))
    if not texts:
        report.dialect = "web markdown"
        yield merge([web.messages(file, chat, report) for file in markdown])
        return
    texts.sort(key=lambda text: (text.layout.first is None, text.layout.first))
    main = max(texts, key=lambda text: text.file.size).layout
    report.dialect = main.dialect
    report.date_order, report.date_order_confidence = main.order.order, main.order.confidence
    report.date_order_evidence = main.order.evidence
    report.time_zone = "wall clock of the phone that exported; the file does not name its zone"
    if options.date_order:
        others = {text.layout.order.order for text in texts} - {options.date_order}
        report.warnings.extend(disagreement(options.date_order, other) for other in sorted(others))
    if main.order.confidence < 0.8:
        report.warnings.append(
            f"Day and month may be the wrong way round ({main.order.evidence}). If so, say --date-order."
        )
    if main.stamps.latest is None and any(shape.parts == 2 for shape in main.shapes):
        report.warnings.append("The dates have no year, and the file does not tell when it was written.")
    answered = web.replies(markdown)
    merged = merge([messages(text, chat, report) for text in texts])
    if answered:
        merged = (message._replace(reply_to=answered.get(web.key(message))) for message in merged)
    yield merged
    _conclude(texts, main, chat, report)


def _conclude(texts: Sequence[Text], main: Layout, chat: str, report: Report) -> None:
    """What is known once all messages are read: language and owner."""
    locales = sum((text.layout.kinds.locales for text in texts), start=type(texts[0].layout.kinds.locales)())
    report.locale = locales.most_common(1)[0][0] if locales else None
    own = sum((text.layout.kinds.own for text in texts), start=type(locales)())
    senders = {name for text in texts for name in text.layout.senders.known.values()}
    # Elsewhere than in WhatsApp Web, where nobody else can be called so, `Ty` and `Sen` are names.
    selves = phrases().you if main.dialect.startswith("web") else {"you", "me"}
    you = sorted(name for name in senders if fold(name) in selves)
    if own:
        report.owner, count = own.most_common(1)[0]
        report.owner_evidence = f"who exported the chat deleted {count} of their messages"
    elif len(you) == 1:
        report.owner, report.owner_evidence = you[0], "the name WhatsApp gives to the person who exports"
    elif chat in senders and len(senders) == 2:
        (report.owner,) = senders - {chat}
        report.owner_evidence = f"the file is named after the other of the two people, {chat}"
