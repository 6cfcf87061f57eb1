"""Whom a WhatsApp export is with, from the name of its file."""

import re
from pathlib import PurePosixPath

# `WhatsApp Chat with Ana`, `Chat de WhatsApp con Ana`, `WhatsApp Chat - Ana`: the words before the name.
_BEFORE = re.compile(
    r"(?:WhatsApp[ -]?(?:Chat|chat|Sohbeti|Conversation|Unterhaltung|Gespräch|-keskustelu|-chatt?|-samtale|Obrolan|"
    r"聊天记录|聊天紀錄|对话|對話|대화|トーク)?|"
    r"(?:Chat|Czat|Discussion|Conversation|Conversa|Conversación|Conversazione|Conversația|Obrolan|Perbualan|Klepet|"
    r"Razgovor|Pogovor|Чат|Чат у|Разговор|Συνομιλία|Sohbet|Sembang|Keskustelu|Samtal|Samtale|Chatt|Trò chuyện|Cuộc trò chuyện|แชท|"
    r"دردشة|محادثة|گپ|צ['׳]אט|שיחת|चैट)"
    r"(?: (?:de|do|da|di|w|na|в|у|trên|ב|على|pe|i|en|op|στο|của))?[ -](?:ב-?)?WhatsApp)"
    r"(?: (?:with|mit|con|avec|com|met|med|z|ze|s|se|cu|amb|на|с|з|із|με|kanssa|dengan|với|กับ|مع|با|עם|के साथ|ile|ar|su|"
    r"со|са)\b)?"
    r"(?: (?:uživatelem|uživatelkou|užívateľom|používateľom|контактом|контакта|користувачем|пользователем|κάποιον|الرقم))?"
    r"(?:\s?[-–—:]\s?|\s+)"
)
_AFTER = re.compile(
    r"(?P<a>.+?)(?: ile| kişisi ile)? (?:ile )?WhatsApp (?:Sohbeti|sohbeti)|[与與和](?P<b>.+?)的 ?WhatsApp ?(?:聊天记录|聊天紀錄|对话|對話|聊天)|"
    r"(?P<c>.+?) ?(?:さん)?との ?WhatsApp.*|(?P<d>.+?)(?:님)?[과와] ?(?:의 )?WhatsApp.*|WhatsApp-keskustelu: (?P<e>.+)"
)
_COPY = re.compile(r"(?: ?\(\d{1,2}\)| - Copy| copy(?: \d)?)+\Z")
_GENERIC = re.compile(r"_?chat|messages?|export|whatsapp|whatsapp chat", re.IGNORECASE)


def partner(path: PurePosixPath) -> str | None:
    """The person or group that a file's own name, or else its folder's or zip's, tells; None where none does."""
    names = [path.stem, *(_unzipped(parent.name) for parent in path.parents if parent.name)]
    for name in names:
        found = _told(_COPY.sub("", name).strip())
        if found:
            return found
        if not _GENERIC.fullmatch(name):
            return None
    return None


def title(path: PurePosixPath) -> str:
    """What to call a chat whose partner no name tells."""
    if _GENERIC.fullmatch(path.stem) and path.parent.name:
        return _unzipped(path.parent.name)
    return path.stem


def _unzipped(name: str) -> str:
    return name[:-4] if name.lower().endswith(".zip") else name


def _told(name: str) -> str | None:
    if "whatsapp" not in name.lower():
        return None
    if found := _AFTER.fullmatch(name):
        return next((part.strip() for part in found.groups() if part), None)
    found = _BEFORE.match(name)
    return name[found.end() :].strip() or None if found else None
