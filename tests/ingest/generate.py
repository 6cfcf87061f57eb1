"""WhatsApp exports of invented chats, with their truth.

Headers come from CLDR through Babel, for any locale, system, clock, digits, calendar and marks; bodies from a pool of
everything that breaks parsers. `Style` says how a phone writes, `render` writes, and `typed` says what a reader should
find.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from babel import Locale
from babel.dates import format_datetime

from twin.domain.messages import Kind

System = Literal["ios", "android", "ios before 2016"]
Digits = Literal["latn", "arab", "arabext", "deva", "beng"]

DIGITS: dict[Digits, str] = {
    "latn": "0123456789",
    "arab": "٠١٢٣٤٥٦٧٨٩",
    "arabext": "۰۱۲۳۴۵۶۷۸۹",
    "deva": "०१२३४५६७८९",
    "beng": "০১২৩৪৫৬৭৮৯",
}

LOCALES = [
    "af",
    "ar",
    "ar_EG",
    "az",
    "bg",
    "bn",
    "ca",
    "cs",
    "da",
    "de",
    "de_AT",
    "de_CH",
    "el",
    "en_AU",
    "en_CA",
    "en_GB",
    "en_IE",
    "en_IN",
    "en_NZ",
    "en_US",
    "en_ZA",
    "es",
    "es_AR",
    "es_CO",
    "es_MX",
    "es_US",
    "et",
    "fa",
    "fi",
    "fr",
    "fr_BE",
    "fr_CA",
    "fr_CH",
    "gl",
    "gu",
    "he",
    "hi",
    "hr",
    "hu",
    "id",
    "it",
    "it_CH",
    "ja",
    "kk",
    "ko",
    "lt",
    "lv",
    "mk",
    "ml",
    "mr",
    "ms",
    "nb",
    "nl",
    "nl_BE",
    "pa",
    "pl",
    "pt",
    "pt_PT",
    "ro",
    "ru",
    "sk",
    "sl",
    "sq",
    "sr",
    "sv",
    "sw",
    "ta",
    "te",
    "th",
    "tr",
    "uk",
    "ur",
    "uz",
    "vi",
    "zh",
    "zh_Hant",
    "zh_Hant_HK",
]

# What phones leave out, put in, or say, in the languages that the tests compare kinds in.
PHRASES = {
    "en": ("<Media omitted>", "image omitted", "This message was deleted", "You deleted this message", "<This message was edited>"),
    "de": ("<Medien ausgeschlossen>", "Bild weggelassen", "Diese Nachricht wurde gelöscht.", "Du hast diese Nachricht gelöscht.", "<Diese Nachricht wurde bearbeitet.>"),
    "es": ("<Multimedia omitido>", "imagen omitida", "Se eliminó este mensaje.", "Eliminaste este mensaje.", "<Se editó este mensaje.>"),
    "fr": ("<Médias omis>", "image absente", "Ce message a été supprimé", "Vous avez supprimé ce message", "<Ce message a été modifié>"),
    "it": ("<Media omessi>", "immagine omessa", "Questo messaggio è stato eliminato", "Hai eliminato questo messaggio", "<Questo messaggio è stato modificato>"),
    "pt": ("<Mídia oculta>", "imagem ocultada", "Mensagem apagada", "Você apagou esta mensagem", "<Mensagem editada>"),
    "nl": ("<Media weggelaten>", "afbeelding weggelaten", "Dit bericht is verwijderd", "Je hebt dit bericht verwijderd", "<Dit bericht is bewerkt>"),
    "ru": ("<Без медиафайлов>", "изображение отсутствует", "Данное сообщение удалено", "Вы удалили данное сообщение", "<Сообщение изменено>"),
    "tr": ("<Medya dahil edilmedi>", "görüntü dahil edilmedi", "Bu mesaj silindi", "Bu mesajı sildiniz", "<Bu mesaj düzenlendi>"),
    "id": ("<Media tidak disertakan>", "gambar tidak disertakan", "Pesan ini telah dihapus", "Anda telah menghapus pesan ini", "<Pesan ini diedit>"),
}  # fmt: skip

SENDERS = (
    "Ana Pérez",
    "Bo",
    "🦊 Fux 👩‍👩‍👧",
    "User:)",
    "Lena V:oss",
    "~\u202fJoão",
    "\u202a+44\u00a07700\u2011900123\u202c",
    "عمر",
    "דנה כהן",
    "田中さん",
    "O'Neil-Smith (work)",
    "Dr. No, PhD",
)

NASTY = (
    "ok",
    "two\nlines",
    "three\n\nwith a gap",
    "12:30: meet at the gate: now",
    "1/2/19: Arrival\n3/4/19: Departure",
    "2/11/19, 14:48 Alice: this is from elsewhere",
    "[yes] no",
    "[1] first\n[2] second",
    "https://example.org/a?b=c:d",
    'he said: "no" - then: left',
    "<3",
    "a <b> c",
    ":-)",
    "20.15.21.15 h Stock",
    "\u202ereversed\u202c and \u2066isolated\u2069",
    "👩🏿‍🚀🏳️‍🌈👍🏽",
    "Z̷a̸l̷g̸o̵",
    "שלום עולם",
    "مرحبا: كيف الحال",
    "tab\tand  two spaces",
    "literal \\u202f text",
    "image",
    "video call?",
    "null and void",
    "(file)",
    "a (b)",
    "line one\r\nnever mind".replace("\r\n", "\n"),
    "\u2028separator inside",
    "name: value\nother: value",
)


class Said(NamedTuple):
    """What was said: the truth of one message. `sender` None is a notice."""

    sender: str | None
    at: datetime
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Style:
    """How one phone writes. `twelve` None is the locale's own clock; `marks` puts invisible marks where phones do."""

    locale: str = "en_GB"
    system: System = "android"
    twelve: bool | None = None
    long_year: bool | None = None
    padded: bool | None = None
    digits: Digits = "latn"
    calendar: Literal["gregorian", "buddhist", "reiwa"] = "gregorian"
    marks: bool = False
    mark_order: bool = False
    bom: bool = False
    crlf: bool | None = None
    space: str | None = None

    @property
    def seconds(self) -> bool:
        return self.system != "android"

    @property
    def line_end(self) -> str:
        crlf = self.system == "ios" if self.crlf is None else self.crlf
        return "\r\n" if crlf else "\n"

    def pattern(self) -> str:
        """The CLDR pattern of date and time, joined as the locale joins them."""
        locale = Locale.parse(self.locale)
        date = locale.date_formats["short"].pattern
        time = locale.time_formats["medium" if self.seconds else "short"].pattern
        twelve = "a" in time or "B" in time if self.twelve is None else self.twelve
        if twelve != ("a" in time or "B" in time):
            fields = {"ios": "hms" if twelve else "Hms"}.get(self.system, "hm" if twelve else "Hm")
            if self.system == "ios before 2016":
                fields = "hms" if twelve else "Hms"
            time = locale.datetime_skeletons[fields].pattern
        if self.long_year is not None and "yyyy" not in date:
            date = date.replace("yy", "y").replace("y", "y" if self.long_year else "yy")
        if self.padded is not None:
            for letter in "dM":
                date = date.replace(letter * 2, letter).replace(letter, letter * (2 if self.padded else 1))
        return locale.datetime_formats["short"].replace("{1}", date).replace("{0}", time)

    def stamp(self, when: datetime) -> str:
        """A date and a time as this phone writes them."""
        shown = when
        pattern = self.pattern()
        if self.calendar != "gregorian":
            year = f"{when.year + 543}" if self.calendar == "buddhist" else f"R{when.year - 2018}"
            pattern = pattern.replace("yyyy", "y").replace("yy", "y").replace("y", f"'{year}'")
        text = format_datetime(shown, pattern, locale=self.locale).translate(
            {ord(latin): digit for latin, digit in zip(DIGITS["latn"], DIGITS[self.digits], strict=True)}
        )
        if self.space is not None:
            text = text.replace("\u202f", self.space).replace("\u00a0", self.space)
        if self.marks and self.locale.partition("_")[0] in {"ar", "fa", "he", "ur"}:
            text = text.replace("/", "\u200f/")
        return text

    def header(self, when: datetime) -> str:
        stamp = self.stamp(when)
        return {"ios": f"[{stamp}] ", "android": f"{stamp} - ", "ios before 2016": f"{stamp}: "}[self.system]


def body_of(said: Said, style: Style) -> str:
    """The body as the phone writes it: placeholders where the words are not the person's own."""
    media, omitted, deleted, deleted_me, edited = PHRASES.get(style.locale.partition("_")[0], PHRASES["en"])
    mark = "\u200e" if style.system == "ios" else ""
    if said.kind is Kind.MEDIA:
        caption = said.text
        if style.system == "ios":
            return f"{caption} {mark}{omitted}" if caption else f"{mark}{omitted}"
        return f"{media}\n{caption}" if caption else media
    if said.kind is Kind.DELETED:
        return mark + (deleted_me if said.text == deleted_me else deleted)
    if said.kind is Kind.EDITED:
        return f"{said.text} {mark}{edited}"
    return said.text


def render(chat: Sequence[Said], style: Style) -> bytes:
    """The export's bytes."""
    lines: list[str] = []
    for said in chat:
        marked = "\u200e" if style.system == "ios" and style.marks and said.kind is not Kind.TEXT else ""
        who = "" if said.sender is None else f"{said.sender}: "
        lines.append(f"{marked}{style.header(said.at)}{who}{body_of(said, style)}")
    return ("\ufeff" if style.bom else "").encode() + (style.line_end.join(lines) + style.line_end).encode()


def typed(said: Said, style: Style) -> Said:
    """What a reader finds: minutes where the phone writes no seconds, names without invisible marks."""
    at = said.at.replace(microsecond=0) if style.seconds else said.at.replace(second=0, microsecond=0)
    sender = said.sender and said.sender.replace("\u202a", "").replace("\u202c", "")
    text = said.text
    if said.kind is Kind.DELETED:
        _, _, deleted, deleted_me, _ = PHRASES.get(style.locale.partition("_")[0], PHRASES["en"])
        text = deleted_me if said.text == deleted_me else deleted
    return Said(sender, at, said.kind, text)


def talk(
    texts: Sequence[str], *, senders: Sequence[str] = SENDERS[:3], start: datetime = datetime(2021, 3, 9, 10, 58, 20),
    step: timedelta = timedelta(hours=7, minutes=13, seconds=29),
) -> list[Said]:  # fmt: skip
    """A chat in which people take turns saying the texts."""
    return [Said(senders[i % len(senders)], start + i * step, Kind.TEXT, text) for i, text in enumerate(texts)]
