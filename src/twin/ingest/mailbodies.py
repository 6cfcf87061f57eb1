"""The text of a mail: the plain part before the HTML one, decoded, unfolded, without what HTML marks as quoted."""

import re
from email.message import Message as Mail

from twin.errors import ExportError
from twin.ingest.encoding import detect
from twin.ingest.html import tree, words

_LONGEST = 2_000_000
# How mail programs mark what is not the writer's, in HTML.
_QUOTES = (
    "blockquote, .gmail_quote, .gmail_quote_container, .gmail_signature, .moz-cite-prefix, .moz-signature, .yahoo_quoted"
    ", #appendonsend, #OLK_SRC_BODY_SECTION, #mail_android_quote, #reply139content, .protonmail_quote, .tutanota_quote"
    ", .zmail_extra, [name=quote], .WordSection1 ~ div[id^=divRplyFwdMsg]"
)
_FROM_HERE = "#divRplyFwdMsg, #stopSpelling, #ms-outlook-mobile-signature, [id^=lineBreakAtBeginningOfMessage]"


def body_of(mail: Mail) -> tuple[str, bool, bool]:
    """The text, whether something is attached, and whether it is an invitation."""
    plain, html = "", ""
    attached = calendar = False
    for part in mail.walk():
        kind = part.get_content_type()
        if part.is_multipart():
            continue
        if part.get_content_disposition() == "attachment" or part.get_filename():
            attached = True
        elif kind == "text/plain" and not plain:
            plain = _unflowed(_decoded(part), part)
        elif kind == "text/html" and not html:
            html = _decoded(part)
        elif kind == "text/calendar":
            calendar = True
        else:
            attached = attached or not kind.startswith("text/")
    if not plain.strip() and html:
        plain = html_text(html)
    return plain, attached, calendar


def _decoded(part: Mail) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    data = data[:_LONGEST]
    charset = part.get_content_charset() or detect(data[:65536])
    try:
        return data.decode(charset, "replace" if charset != "us-ascii" else "strict")
    except (LookupError, UnicodeError):
        return data.decode(detect(data[:65536]), "replace")


def _unflowed(text: str, part: Mail) -> str:
    """With `format=flowed` (RFC 3676) a line that ends with a space goes on in the next one."""
    if str(part.get_param("format") or "").lower() != "flowed":
        return text
    drop = str(part.get_param("delsp") or "").lower() == "yes"
    lines = list[str]()
    flows = False
    for line in text.replace("\r\n", "\n").split("\n"):
        own = line if line.startswith(">") else line.removeprefix(" ")
        same_depth = flows and _depth(lines[-1]) == _depth(own)
        if same_depth:
            lines[-1] = (lines[-1][:-1] if drop else lines[-1]) + own.lstrip("> " if own.startswith(">") else "")
        else:
            lines.append(own)
        flows = line.endswith(" ") and line.rstrip("> ") != "--"
    return "\n".join(lines)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(">"))


def html_text(html: str) -> str:
    """The text of an HTML mail without its marked quotes and signatures; "" where it is no mail's HTML."""
    try:
        page = tree(html, name="an HTML mail")
    except ExportError:
        return ""
    body = page.body
    if body is None:
        return ""
    for node in page.css(_FROM_HERE):
        while (after := node.next) is not None:
            after.decompose()
        node.decompose()
    for node in page.css(_QUOTES):
        node.decompose()
    return re.sub(r"\n{3,}", "\n\n", words(body, collapse=True))
