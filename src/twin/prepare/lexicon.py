"""First names of many countries, and the words that look like one.

The names are Faker's. They tell which capitalised words of a chat are people who are not in it, and which invented
name is of the same kind (country, sex) as a real one.
"""

from functools import cache
from importlib import import_module
from typing import NamedTuple

_LOCALES = """
    en_US en_GB en_IN de_DE fr_FR es_ES es_AR it_IT pt_BR nl_NL pl_PL cs_CZ sv_SE da_DK no_NO fi_FI ro_RO hu_HU
    tr_TR hr_HR id_ID vi_VN ga_IE ru_RU uk_UA bg_BG el_GR he_IL ar_SA fa_IR hi_IN zh_CN ja_JP ko_KR
""".split()  # noqa: SIM905

_SURE = 3
"""A name of fewer letters says nothing."""

# Names that are everyday words, months, places or products as well: never taken for a name unless a sender bears
# it, and then only where the position says so.
AMBIGUOUS = frozenset(
    """
    ace ada adobe aid ain alexa amber amen amor an angel apple april are art ash aspen aura aurora austin autumn
    axel basil bay bea berlin bill bills blaine blanca blaze blue bob bonita brand brandy brave brazil brook
    brooklyn brooks buck bud buddy bush candy carol case cash cat cedar celeste chad chance charity charlotte
    chase chastity che chelsea cherry chin china christ christian christmas chuck ciel clan claude clay
    clementine cliff clock cloud cole colt concepcion constance consuelo coral corey cortana cruz crystal cyan
    daisy dakota dale dallas dawn day dean dear deep delta denver desire destiny devin diamond dick diego dive
    divine dolly dolores don dot drew duck duke dusty earl early earth easter ed eden elf elm else ember emerald
    era ernst esperanza estrella eternity eve even evening ever fair faith fall fay fe felicidad felicity fern
    finn fleur flor flora florence florida forest forrest franco frank frankfurt freedom friday gabe gale gay
    gem gemma gene general genesis genius gent georgia german germania ginger glen gloria gold grace gracia
    grant gray green grey gus guy happy harmony harper hazel heart heath heaven heidelberg henna herb hero hill
    holly home homer honey honor hope hunter ice ida imam in india indigo ing inés iris ivory ivy jack jade jan
    jasmine java jay jazz jean jenkins jersey jerusalem jesus jesús jewel jo joker jolly jordan journey joy
    julia july june jupiter just justice karma kay kent kin king kit lane lark laurel law lea leaf lee legend
    les liberty lily lin linus linux lisp lo london long lourdes love luce lucky luna luz lynx mac mad madison
    mae mai maio major man mandy manga mar march maria marina mark mars marsh marshal mary mason mat matte max
    may me melody memphis mercedes mercy merry milan milano miles milo min mina mint miracle misty mo mom monday
    montana montserrat moon morgan morning moses nevada new nick night noble nova oak ocean olive opal oracle
    orange orchid orlando oscar other pace page paige palm paloma panda paris park pat patience paz peace pearl
    penny per peri pet phoenix piedad pierce pilar piper poppy porsche porter praise precious presley price
    prince princess prosper python queen rain rainbow ram randy raven ray red reed remedios rich rico rio river
    robin rock rocky rod rome romeo root rosa rose rosemary ruby rue rusty sage sail saint sal salvador san
    sandy santa santiago santos saturday savannah scarlet scout sebastian serena serenity shadow shah shell si
    sierra silver simple sin siri sky sol soledad sommer song star starr sterling stone storm strong sue summer
    sun sunday sunny sunshine suse swift sydney tab tad tai tan tara tate teal temple terra tia tiger time timo
    tin tiny toy trace treasure trinity true tulip tulsa ty unique van venus victoria vida vienna viola violet
    virgen virginia visa vista vita wade walker wang ward washington west wild will willow winter wolf wood
    woody worth wren yahoo york you young zion а вера вика владимир воля гей зара злата лев любовь майя марта
    надежда роза роман слава софия
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
        for names in ("first_names_female", "first_names_male", "first_names"):
            kind = Kind(locale, names)
            for name in names_of(kind):
                if len(name) >= _SURE or not name.isascii():
                    kinds.setdefault(name.lower(), kind)
    return kinds


def kind_of(name: str) -> Kind | None:
    """Where a word is a first name; None where it is none."""
    return _kinds().get(name.lower())


def surely_a_name(word: str) -> bool:
    """Whether a word is a first name and, as far as known, nothing else."""
    word = word.lower()
    return word in _kinds() and word not in AMBIGUOUS and word not in KEPT
