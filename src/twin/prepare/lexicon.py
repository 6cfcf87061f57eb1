"""First names of many countries, and the words that look like one.

Names and words are Faker's. They tell which capitalised words of a chat are people who are not in it, and which invented
name is of the same kind (country, sex) as a real one.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import NamedTuple

_LOCALES = """
    en_US en_GB en_IN de_DE fr_FR es_ES es_AR it_IT pt_BR nl_NL pl_PL cs_CZ sv_SE da_DK no_NO fi_FI ro_RO hu_HU
    tr_TR hr_HR id_ID vi_VN ga_IE ru_RU uk_UA bg_BG el_GR he_IL ar_SA fa_IR hi_IN zh_CN ja_JP ko_KR
""".split()  # noqa: SIM905

_DICTIONARIES = "en_US es_ES fr_FR it_IT de_DE nl_NL pl_PL da_DK cs_CZ ru_RU uk_UA el_GR fa_IR ar_AA".split()  # noqa: SIM905

_FIRST = ("first_names_female", "first_names_male", "first_names")

_SURE = 3
"""A name of fewer letters says nothing."""

# Names that are everyday words, months, places or products as well: never taken for a name unless a sender bears
# it, and then only where the position says so.
AMBIGUOUS = frozenset(
    """
    abril ace ada adobe aid ain ale alexa amber amen ami amico among amor américa an anders angel ani ante apple
    april are aria armas art ash aspen aura aurora austin autumn axel bas basil bay bea beau berlin bill bills
    blaine blanca blaze blue bob bonita brand brandy brave brazil brook brooklyn brooks buck bud buddy bush
    candy cara carol cas case cash cat cedar celeste chad chance charity charlotte chase chastity che chelsea
    cherry chi chin china christ christian christmas chuck ciel clair clan claude clay clementine cliff clock
    cloud cole colt concepcion constance consuelo coral corey cortana cruz crystal cyan dag daisy dakota dale
    dallas dan darin dawn day dean dear deep delta demi denver desiderio desire destiny dev devin deviner diamond
    dick diego dive divine dolly dolores dom domingo don donna dot drew duck duke durante dusty earl early earth
    easter ed eden elf ella elm else ember emerald era ernst esa esperanza estrella eternity eve even evening
    ever fair faith fall fay fe felicidad felicity fern finn fleur floor flor flora florence florida forest
    forrest franco frank frankfurt freedom friday gabe gale gay gem gemma gene general genesis genius gent
    georgia german germania ginger glen gloria gold grace gracia grant gray greco green grey gun gus guy happy
    harmony harper hasta hazel heart heath heaven heidelberg henna herb hero hill holly home homer honey honor
    hope hunter ice ida imam in india indigo ing inés iris ivory ivy jack jade jan jasmine java jay jazz jean
    jenkins jersey jerusalem jesus jesús jet jewel jo job joker jolly jordan journey joy julia julio july june
    junior jupiter just justice kara karma karta kay kent kin king kit klas kritika lane lark laurel law lea
    leaf lee legend les liberty lily lin line linus linux lisp liv lo london long lot lourdes love luce lucky
    luna luz lynx mac mad madison mae mai maio maj major man mandy manga mar march mare mari maria marina mark
    mars marsh marshal mary mason mat matte max may me melody memphis mercedes mercy merry milan milano miles
    mille milo min mina mint mio mira miracle misty mo mom monday montana montserrat moon morgan morning moses
    nada nevada new nick night noble norma nova oak ocean olive oni opal oracle orange orchid orlando oscar
    other pace page paige palm paloma panda paris park pat patience paz peace pearl pelle penny per peri pero
    pet phoenix piedad pierce pietra pilar piper poppy porsche porter praise precious presley price prince
    princess prosper python queen rada rain rainbow ram rana randy raven ray red reed remedios rich rico rio
    river robin rock rocky rod roman romano rome romeo root rosa rose rosemary ruby rue rusty sage sail saint
    sal salud salvador san sandy santa santiago santos saturday savannah scarlet scout sebastian serena serenity
    server sever shadow shah shell si sierra signe silver simple sin siri sky sol sole soledad sommer song stan
    star starr steen stein sterling stone storm strong sue summer sun sunday sunny sunshine suse swift sydney
    tab tad tage tai tan tara tate teal temple terra tia tiger time timo tin tiny toma tor toy trace treasure
    trinity true tulip tulsa ty tú una unique uno urban van veer venus verde vero victoria vida vide vienna
    ville vino viola violet virgen virginia visa vista vita wade walker wang ward washington west wild will
    willow winter wolf wood woody worth wren yahoo york you young zion а вера вика владимир воля гей зара злата
    лев любовь майя марта надежда рис роза роман слава софия ягода
    """.split()  # noqa: SIM905
)

# Words of a displayed name that lead to nobody: kinship, titles, particles. They stay as they are.
KEPT = frozenset(
    """
    abla abuela abuelo admin ai al and anne anneanne aunt auntie avó avô babbo babo bin bot bro brother bruder
    coach cousin cousine da dad daddy das de del den der des di do doctor doctora don dos doña dr du e el et
    fratello frau frère grandad grandma grandpa granny group hermana hermanita hermano herr husband ibn irmã
    irmão la las le los madame mama maman mami mamie mamma mamá mamãe mann marido meta miss mme mom mommy
    monsieur mr mrs ms mujer mum mutter mutti mãe nana nonna nonno of oma oncle onkel opa pai pap papa papi papy
    papá prima primo prof professor schwester señor señora sir sis sister soeur sorella system sœur tante the
    tia tio tía tío uncle und unknown van vater vati von vovó vovô whatsapp wife y you zia zio zu бабушка брат
    дедушка дядя мама мамочка мамуля папа сестра тетя тётя אבא אמא أبي أمي بابا ماما पापा मम्मी माँ 妈妈 母 父 爸爸 아빠
    엄마
    """.split()  # noqa: SIM905
)


class Kind(NamedTuple):
    """Where a first name is at home: Faker's locale, and which of its lists."""

    locale: str
    list: str


@cache
def names_of(kind: Kind) -> tuple[str, ...]:
    """All first names of a kind that are one word."""
    provider = import_module(f"faker.providers.person.{kind.locale}").Provider
    found: object = vars(provider).get(kind.list, ())
    names = [str(name).strip() for name in found] if isinstance(found, (list, tuple, dict, set)) else []
    return tuple(dict.fromkeys(name for name in names if name.isalpha()))


@cache
def _kinds() -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for locale in _LOCALES:
        for names in _FIRST:
            kind = Kind(locale, names)
            for name in names_of(kind):
                if len(name) >= _SURE or not name.isascii():
                    kinds.setdefault(name.lower(), kind)
    return kinds


@cache
def first_names(locale: str) -> frozenset[str]:
    """All first names of a locale that are one word."""
    return frozenset(name for names in _FIRST for name in names_of(Kind(locale, names)))


def is_short(name: str) -> bool:
    """Whether a name is about as long as what people call each other."""
    return _SURE <= len(name) <= 6


@cache
def familiar(script: str) -> tuple[str, ...]:
    """Short first names of a script (as Unicode calls it), those that most countries share first."""
    spread = Counter(name for locale in _LOCALES for name in first_names(locale))
    names = (one for one in spread if is_short(one) and surely_a_name(one))
    return tuple(
        sorted(
            (one for one in names if unicodedata.name(one[0], "").startswith(script + " ")),
            key=lambda one: (-spread[one], one),
        )
    )


@cache
def _dictionary(locale: str) -> frozenset[str]:
    provider = import_module(f"faker.providers.lorem.{locale}").Provider
    return frozenset(str(word).lower() for word in provider.word_list)


@cache
def _words() -> frozenset[str]:
    return frozenset[str]().union(*map(_dictionary, _DICTIONARIES))


def is_word(word: str) -> bool:
    """Whether a word is among the everyday words of some language, names that are words included."""
    word = word.lower()
    return word in AMBIGUOUS or (word in _words() and word not in _kinds())


def home(written: Mapping[str, int]) -> str:
    """The locale whose everyday words a chat uses most; `written` counts its words."""
    found = Counter(dict.fromkeys(_DICTIONARIES, 0))
    for word, count in written.items():
        for locale in _DICTIONARIES if len(word) > 3 else ():
            if word in _dictionary(locale):
                found[locale] += count
    return found.most_common(1)[0][0].replace("ar_AA", "ar_SA")


def kind_of(name: str) -> Kind | None:
    """Where a word is a first name; None where it is none."""
    return _kinds().get(name.lower())


def surely_a_name(word: str) -> bool:
    """Whether a word is a first name and, as far as known, nothing else."""
    word = word.lower()
    return word in _kinds() and word not in AMBIGUOUS and word not in KEPT
