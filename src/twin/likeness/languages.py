"""Languages and scripts of a text, told by letters and by the commonest short words."""

from collections import Counter
from collections.abc import Iterable

import regex

SCRIPTS = [
    "Latin",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Tamil",
    "Telugu",
    "Thai",
    "Georgian",
    "Armenian",
    "Ethiopic",
    "Khmer",
    "Myanmar",
    "Sinhala",
    "Gujarati",
    "Gurmukhi",
    "Malayalam",
    "Kannada",
    "Lao",
    "Tibetan",
    "Mongolian",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
]
_SCRIPT = regex.compile("|".join(rf"(?P<{script}>\p{{{script}}}+)" for script in SCRIPTS))
_WORD = regex.compile(r"[\p{L}\p{M}'’]+")

# Words that are frequent in one language and rare in the others of its script.
_COMMON = {
    "English": "the and you that is it of was with this have are not what they but just be he she i'm it's don't a i to in on "
    "no do so me my for or if at as we there an can will would like know think one out up your get good yeah man am die was",
    "Spanish": "el los la y que es lo por una un con para como pero más muy está ya yo eso qué también hay no de en si sí mi me te",
    "Portuguese": "o os a e é não um uma com você mas isso muito tá eu ele também já vou mais tem pra né no de em se me te que",
    "French": "le les la et est une un pas que pour je tu il c'est dans avec mais on ça sur j'ai oui moi de en si me te",
    "German": "der die und ist das nicht ich du ein eine mit auch es aber ja wir noch schon was ihr dann so in an am man mal",
    "Italian": "il che e è non un una per sono ma mi ti con come anche della più ho hai sì cosa la di in no se si",
    "Dutch": "de het een en ik je niet dat van ook maar wel wat voor zijn nog met er heb gaan is in we dan",
    "Polish": "nie się jest na że co jak ale tak już mam czy dla tylko mnie jeszcze",
    "Turkish": "bir ve bu çok ama için mi var yok ben sen gibi daha evet da de ne",
    "Swedish": "och det att jag inte är en på som har du med för kan så vi men",
    "Danish": "og det at jeg ikke er en på som har du med for kan så vi hvad men",
    "Finnish": "ja on ei se että en mutta niin mä kun nyt oli joo sitten vaan",
    "Romanian": "și nu este că o de la cu pe ce mai sunt dar să da am",
    "Hungarian": "az és nem hogy egy én ez igen csak már majd lesz volt",
    "Indonesian": "yang dan ini itu tidak ada untuk aku kamu sudah bisa gak ya nggak",
    "Vietnamese": "là và của không có tôi được này một người đi em",
    "Russian": "и в не на что я с это как но так у да а то все он же мне",
    "Ukrainian": "і в не на що я з це як але та ти у є так він вже мені",
    "Bulgarian": "и на не да се е за че с от си ще аз ли това",
}
_LANGUAGES: dict[str, list[str]] = {}
for _name, _words in _COMMON.items():
    for _common in _words.split():
        _LANGUAGES.setdefault(_common, []).append(_name)
_BY_SCRIPT = {
    "Greek": "Greek", "Hebrew": "Hebrew", "Arabic": "Arabic script", "Devanagari": "Hindi script", "Thai": "Thai",
    "Hangul": "Korean", "Hiragana": "Japanese", "Katakana": "Japanese", "Han": "Chinese", "Cyrillic": "Cyrillic script",
}  # fmt: skip


def scripts(text: str) -> Counter[str]:
    """How many letters of each script a text has."""
    found: Counter[str] = Counter()
    for match in _SCRIPT.finditer(text):
        found[str(match.lastgroup)] += len(match[0])
    return found


def votes(text: str) -> dict[str, float]:
    """How much the words, or failing them the letters, of a text speak for each language."""
    found: dict[str, float] = {}
    for word in _WORD.findall(text.lower()):
        names = _LANGUAGES.get(word.replace("’", "'"), ())
        for name in names:
            found[name] = found.get(name, 0.0) + 1 / len(names)
    if not found and (by_script := scripts(text)):
        script = max(by_script, key=lambda name: (name in {"Hiragana", "Katakana"}, by_script[name]))
        if script in _BY_SCRIPT:
            found[_BY_SCRIPT[script]] = 1.0
    return found


def languages(texts: Iterable[str], *, rarest: float = 0.03) -> dict[str, float]:
    """The share of each language among the texts whose language shows, most frequent first; rare ones left out.

    Short messages say little by themselves, so what a person writes mostly decides where several are possible.
    """
    told = [found for text in texts if (found := votes(text))]
    usual: dict[str, float] = {}
    for found in told:
        for name, vote in found.items():
            usual[name] = usual.get(name, 0.0) + vote
    chosen = Counter(max((vote * usual[name], name) for name, vote in found.items())[1] for found in told)
    return {name: n / len(told) for name, n in chosen.most_common(5) if n >= rarest * len(told)}


def foreign_letters(text: str, *, used: Iterable[str]) -> int:
    """Letters of scripts that are not among the `used` ones."""
    known = set(used)
    return sum(count for script, count in scripts(text).items() if script not in known)
