"""The sentences that Messenger and Instagram put into people's mouths: "Ana sent an attachment.", "Liked a message"."""

import re

from twin.domain.messages import Kind

_LONGEST = 300
# Facts of the format, by language: English, German, Spanish, French, Italian, Portuguese, Dutch, Polish, Russian,
# Swedish, Danish, Norwegian, Turkish, Indonesian.
_ATTACHMENT = re.compile(
    r"(?:sent (?:an attachment|a (?:photo|video|GIF|sticker|link|voice message|live location|location|reel))"
    r"|hat einen Anhang gesendet|envió un (?:archivo )?adjunto|ha enviado un archivo adjunto"
    r"|a envoyé une pièce jointe|ha inviato un allegato|enviou um anexo|heeft een bijlage (?:verzonden|gestuurd)"
    r"|wysłał\w*(?:\(a\))? załącznik|отправил\w*(?:\(-?а\))? вложение|skickade en bilaga|har skickat en bilaga"
    r"|sendte en vedhæftet fil|har sendt en vedhæftet fil|sendte et vedlegg|bir eklenti gönderdi|mengirim lampiran)\.?$"
)
_REACTION = re.compile(
    r"(?:.{0,60} )?(?:Liked a message|Reacted \S+ to (?:your|a) message"
    r"|(?:Hat )?eine Nachricht mit .Gefällt mir. markiert|(?:Hat )?mit \S+ auf (?:deine|eine) Nachricht reagiert"
    r"|Le gustó un mensaje|Reaccionó con \S+ a (?:tu|un) mensaje|A aimé un message"
    r"|A réagi (?:avec|par) \S+ à (?:votre|ton|un) message|Ha messo .?Mi piace.? a un messaggio"
    r"|Ha reagito con \S+ a(?:l tuo| un) messaggio|Curtiu uma mensagem|Reagiu com \S+ à (?:sua|tua) mensagem"
    r"|Heeft een bericht leuk gevonden|Heeft met \S+ (?:gereageerd op je bericht|op je bericht gereageerd)"
    r"|Polubi\w+(?:\(a\))? wiadomość|Zareagowa\w+(?:\(a\))? \S+ na Twoją wiadomość)\s*\.?$",
    re.I,
)
_CALL = re.compile(
    r"(?:missed (?:a|your) (?:video )?(?:call|chat)|(?:started|joined|left) (?:a|the) (?:video|audio) (?:call|chat)"
    r"|called (?:you|\S+(?: \S+)?)|(?:video|audio) (?:call|chat) ended)\.?$",
    re.I,
)
_SYSTEM = re.compile(
    r"(?:set (?:the|your|\S+(?: \S+)?) nickname (?:for|to) .*|cleared the nickname for .*|named the group .*"
    r"|changed the (?:chat )?(?:theme|color|colours|colors|group photo|photo) .*|changed the (?:chat )?theme.*"
    r"|set the (?:quick reaction|emoji) to .*|(?:added|removed) .* (?:to|from) the group|left the group"
    r"|joined the (?:group|chat).*|created the group|created a poll.*|voted for .*|changed (?:their|his|her) vote .*"
    r"|pinned a message|unsent a message|turned (?:on|off) .*|made .* (?:a group )?admin.*|waved at (?:you|each other).*"
    r"|(?:is|are) now connected on Messenger|can now message and call each other.*|changed the group (?:photo|name).*"
    r"|started sharing (?:live )?location|stopped sharing (?:live )?location|sent you a request)\.?$",
    re.I,
)
_UNSIGNED_CALL = re.compile(
    r"(?:(?:The )?(?:video|audio|group) (?:call|chat) (?:has )?ended|(?:Video|Audio) call|Missed (?:video |audio )?call)\.?$",
    re.I,
)
_UNSIGNED = re.compile(
    r"(?:You (?:are|can) now (?:connected|message|call).*|Say hi to your new Facebook friend.*|You waved at .*"
    r"|Messages and calls are secured with end-to-end encryption.*)\.?$",
    re.I,
)


def notice(text: str, sender: str) -> Kind | None:
    """What a message is that the program wrote in the name of `sender`; None for words of their own.

    A sentence that begins with the full name of its own sender is the program's, in any language. The tables know
    the sentences that begin with "You", a first name, or nothing.
    """
    if not text or len(text) > _LONGEST or "\n" in text:
        return None
    if _REACTION.match(text):
        return Kind.REACTION
    if _UNSIGNED_CALL.match(text):
        return Kind.CALL
    if _UNSIGNED.match(text):
        return Kind.SYSTEM
    first = sender.split(" ", maxsplit=1)[0]
    for name in (sender, "You", first):
        rest = text.removeprefix(f"{name} ") if name else text
        if rest == text:
            continue
        if _ATTACHMENT.match(rest):
            return Kind.MEDIA
        if _CALL.match(rest):
            return Kind.CALL
        if _SYSTEM.match(rest) or (name == sender and " " in sender and text.rstrip().endswith((".", "。", "!"))):
            return Kind.SYSTEM
    return None
