"""Redaction on planted identifiers of many countries, and on ordinary text with numbers and marks in it."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from twin.domain.jsonl import write_examples
from twin.domain.messages import Kind, Message
from twin.prepare import prepare
from twin.prepare.redact import Redactor

ROUND = ["{}", "hey it's {} ok?", "mira: {}", "send it to {}, thanks", "{}\nsee you", "我的是 {} 谢谢", "({})", "x {}."]


def phones(regions: list[str], formats: list[int]) -> Iterator[tuple[str, str]]:
    for region in regions:
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                for form in formats:
                    yield "phone", phonenumbers.format_number(number, form)


def ibans() -> Iterator[tuple[str, str]]:
    """Made-up accounts with a right checksum, in the lengths of twelve countries."""
    chance = random.Random(5)
    for country, length in {
        "DE": 22, "ES": 24, "FR": 27, "GB": 22, "IT": 27, "NL": 18, "PL": 28, "PT": 25, "BE": 16, "CH": 21, "AT": 20, "TR": 26,
    }.items():  # fmt: skip
        bank = "".join(chance.choice("0123456789") for _ in range(length - 4))
        if country in {"GB", "NL"}:
            bank = "ABNA" + bank[4:]
        check = 98 - int("".join(str(int(c, 36)) for c in f"{bank}{country}00")) % 97
        plain = f"{country}{check:02}{bank}"
        yield "iban", plain
        yield "iban", " ".join(plain[i : i + 4] for i in range(0, length, 4))


def cards() -> Iterator[tuple[str, str]]:
    chance = random.Random(6)
    for prefix, length in (("4", 16), ("51", 16), ("37", 15), ("6011", 16), ("30", 14), ("4", 13)):
        body = prefix + "".join(chance.choice("0123456789") for _ in range(length - len(prefix) - 1))
        doubled = sum(sum(divmod(2 * int(d), 10)) for d in body[::-2]) + sum(map(int, body[-2::-2]))
        number = f"{body}{-doubled % 10}"
        yield "card", number
        yield "card", " ".join(number[i : i + 4] for i in range(0, length, 4))
        yield "card", "-".join(number[i : i + 4] for i in range(0, length, 4))


WRITTEN = {
    "phone": (
        "(415) 555-2671|415-555-2671|415.555.2671|07700 900123|0171 1234567|0171/1234567|06 12 34 56 78|06.12.34.56.78|"
        "612 345 678|(11) 98765-4321|098765-43210|13800138000|090-1234-5678|8 912 345-67-89|030 12345678|"
        "+49 (0)30 123456|0532 123 45 67|0049 170 1234567|555-1234|+٩٦٦٥٠١٢٣٤٥٦٧|20 12 34 56"
    ),
    "email": (
        "ana.perez@gmail.com|o'brien+x@sub.mail.co.uk|juan (at) correo (dot) es|用户@例子.公司|ANA@X.ORG|"
        "pepe at gmail dot com|лена@почта.рф|a_b-c@d-e.io|first.last@uni-bonn.de"
    ),
    "link": (
        "https://www.facebook.com/ana.perez.3|www.mibar.es|http://192.168.1.5/admin|youtu.be/dQw4w9WgXcQ|t.me/anaperez|"
        "anasbakery.com|bit.ly/3xYz|https://chat.whatsapp.com/AbCdEfGh|wa.me/34612345678|ftp://u:p@host.net/f|mailto:a@b.cd|"
        "https://de.wikipedia.org/wiki/Köln_(Stadt)|meine-seite.de|blog.lena.fr|spotify:track:6rqhFgbbKwnb9MLm"
    ),
    "account": "@ana_perez|@anap.99|u/throwaway123|ana#1234|@Лена_К",
    "network": (
        "192.168.0.12|203.0.113.7|84.23.99.12|2001:0db8:85a3::8a2e:0370:7334|fe80::1ff:fe23:4567:890a|"
        "00:1A:2B:3C:4D:5E|00-1A-2B-3C-4D-5E|001a.2b3c.4d5e"
    ),
    "address": (
        "12 Baker Street|221B Baker St, London NW1 6XE|1600 Pennsylvania Ave NW|Hauptstraße 5, 10115 Berlin|Berliner Str. 17|"
        "Kurt-Schumacher-Straße 12a|Calle Mayor 3, 2º B|calle de Alcalá, 45|C/ Gran Vía 28|12 rue de la Paix, 75002 Paris|"
        "8 bis avenue Foch|Via Roma 10|Piazza del Popolo 3|ul. Marszałkowska 10/5|ул. Ленина, д. 5|улица Пушкина 12|"
        "Av. Paulista, 1578|Rua Augusta 200|Keizersgracht 123|Kossuth utca 12|Atatürk Caddesi No: 5|Storgatan 5|SW1A 1AA|"
        "北京市朝阳区建国路88号|東京都渋谷区道玄坂2丁目10-7|서울시 강남구 테헤란로 152|Austin, TX 78701|12 baker street|"
        "742 Evergreen Terrace, Springfield|Flat 4, 18 Park Road|K1A 0B1|1012 AB Amsterdam|PO Box 123|רחוב הרצל 12|"
        "شارع الملك فهد 12|40.416775, -3.703790"
    ),
    "number": (
        "123-45-6789|12345678Z|X1234567L|AB 12 34 56 C|RSSMRA85T10A562S|123.456.789-09|12.345.678-5|ABCDE1234F|987654321|"
        "GODE561231HDFRRN09|85010112345|3141592653|1 85 05 78 006 084 36"
    ),
    "secret": (
        "sk-abc123DEF456ghi789JKL012|ghp_16C7e42F292c6912E7710c838347Ae178B4a|AKIAIOSFODNN7EXAMPLE|"
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123def456|550e8400-e29b-41d4-a716-446655440000|"
        "d41d8cd98f00b204e9800998ecf8427e|0x742d35Cc6634C0532925a3b844Bc454e4438f44e|1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2|"
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
    ),
}
LABELLED = {
    "the wifi password is hunter2!": "hunter2",
    "password: S3cret99": "S3cret99",
    "contraseña: gato.negro7": "negro7",
    "mot de passe : soleil42": "soleil42",
    "your code is 483920": "483920",
    "PIN 4821": "4821",
    "passport C01X00T47": "C01X00T47",
    "my plate is 1234BCD": "1234BCD",
    "insta: ana.perez9": "perez9",
    "my ig is foo_bar": "foo_bar",
    "booking ref XK29Q1": "XK29Q1",
    "api_key=abcd1234efgh": "abcd1234",
    "tel 555123": "555123",
    "sort code 12-34-56": "34-56",
}


def everywhere() -> list[str]:
    return sorted(phonenumbers.SUPPORTED_REGIONS)


def planted() -> list[tuple[str, str]]:
    return [
        *phones(everywhere(), [PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL]),
        *ibans(),
        *cards(),
        *((kind, value) for kind, values in WRITTEN.items() for value in values.split("|")),
    ]


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor.learn([Message("whatsapp", "c", "Bea", None, Kind.TEXT, "hola")], ["Bea"], seed=3)


def test_planted_identifiers_never_reach_the_output(redactor: Redactor) -> None:
    missed: Counter[str] = Counter()
    cases = [(kind, value, around.format(value)) for kind, value in planted() for around in ROUND]
    for kind, value, text in cases:
        redacted = redactor.text(text)
        digits = "".join(c for c in value if c.isdigit())
        leaked = value in redacted or (len(digits) > 6 and digits in "".join(c for c in redacted if c.isdigit()))
        missed[kind] += leaked
    assert len(cases) > 8000
    assert missed.total() <= 0.002 * len(cases), missed
    # The rest of the message stays to the letter.
    assert redactor.text("Hey, it's 84.23.99.12 ok?").startswith("Hey, it's ")


@pytest.mark.parametrize(("text", "secret"), LABELLED.items())
def test_what_is_called_a_secret_is_one(redactor: Redactor, text: str, secret: str) -> None:
    assert secret not in redactor.text(text)


@pytest.mark.parametrize(
    "region", ["DE", "ES", "FR", "GB", "IT", "BR", "IN", "MX", "PL", "RU", "TR", "US", "NL", "DK", "NG", "JP"]
)
def test_national_numbers_are_known_where_the_chat_shows_the_country(region: str) -> None:
    international = next(phones([region], [PhoneNumberFormat.INTERNATIONAL]))[1]
    redactor = Redactor.learn([Message("whatsapp", "c", international, None, Kind.TEXT, "hola")], ["Bea"], seed=3)
    for _, national in phones([region], [PhoneNumberFormat.NATIONAL]):
        assert national not in redactor.text(f"call {national} please")


def test_one_identifier_is_one_pseudonym_however_it_is_written(redactor: Redactor) -> None:
    spain = Redactor(owners=["Bea"], regions=["ES"])
    assert spain.text("612345678") == spain.text("+34 612 34 56 78") == spain.text("0034612345678")
    assert redactor.text("ANA@x.org") == redactor.text("ana@X.org")
    assert redactor.text("DE89 3704 0044 0532 0130 00") == redactor.text("DE89370400440532013000")
    assert redactor.text("4111 1111 1111 1111") != redactor.text("5500 0000 0000 0004")


def test_pseudonyms_look_like_what_they_stand_for_and_lead_nowhere(redactor: Redactor) -> None:
    assert redactor.text("ana@gmail.com").endswith("@example.org")
    assert redactor.text("https://a.com/b?c=d").startswith("https://example.org/")
    assert " 555 01" in redactor.text("+34 612 34 56 78")
    assert redactor.text("12 Baker Street").endswith(" Street")
    assert redactor.text("see (https://a.com/b).").startswith("see (https://example.org/")
    assert redactor.text("see (https://a.com/b).").endswith(").")
    assert redactor.text("DE89370400440532013000").startswith("DE00")


def test_redacting_twice_changes_nothing_more(redactor: Redactor) -> None:
    for _, value in planted():
        once = redactor.text(f"hey it's {value} ok?")
        assert redactor.text(once) == once


ORDINARY = """
see you at 10:30 on 12/05/2024|2024-05-17 10:30:45|17.05.2024|on 20240517|it costs $1,299.99|1.299,00 €|1 000 000 people|
10000000|v2.6.27.11|python 3.11.2-1ubuntu4|kernel 2.6.35.11 is out|1920x1080|24/7|2008-2009|3.14159265|100000 rows|
we won 3-2|in 1998|50%|2 x 4 = 8|call main() in a.py|node.js and index.html|e.g. this|std::cout << x|foo.bar()|x = arr[10]|
10 20 30 40|8:00-17:00|1,234,567 views|the 21st|it's 5pm|ok.so what|hola.es que no|wow...that|user.name = "x"|#ubuntu|
/etc/apt/sources.list|~/.bashrc|sudo apt-get install libqt4-dev|iPhone 15 Pro|RTX 3080 Ti|COVID-19|B2B|10k|5'11|
GRUB2 via ssh port 22|5 miles down the road|a 2 way street|I'll drive 20 minutes|12 more days|at 127.0.0.1:8080|
localhost:3000|255.255.255.0|5555555|hahahahaha|aaaaaaaaaaaaaaaaaaaaaaaaaa|supercalifragilisticexpialidocious|
Donaudampfschifffahrtsgesellschaft|12.04 LTS and 13.10|ports 6666-6669|15.10 / 15.04|@everyone lunch?|meet @ 5|
1. first 2. second|score 21-19, 19-21, 21-18|1/2 cup of sugar|3 + 4 = 7|10/10 would|AC/DC|the 90s|5.1 setup|10:00:00|
120/80|200.000 euros|12,5 %|R2D2|2nd Street is closed|password: command not found|the code is fine|order 66|room 101|
my password is wrong|int x = 1234;|0xff|1e-5|12:34|64-bit|i7-9700K|a1b2|GTX1080|100.000.000|April 5 2024|May 2024|
one-two-three-four-five-six|some_very_long_function_name_here|SomeVeryLongClassNameFactory2|what @ work|-1|+1|it's +10|
5 min walk to Main street|the place 2 be|I live via Roma|Spring 2017|Suffering 11 points|a place. you got 5 years|
avoid the 1.3 version|1.0 (5.10.91.27)|in 5 4 3 2 1|12.5.2024 - 14.5.2024|2*3*4*5*6*7*8|10.000.000 €|(1) (2) (3)|
^^ xD :-) <3 8-) ¯\\_(ツ)_/¯|0,75 l|3-5 Tage|2024/2025|1-0, 2-1|9/11|36.6°|16:9|1080p|ISO 8601|A4|U2|h264|mp3|50.000 km
""".replace("\n", "").strip()


def test_ordinary_text_stays(redactor: Redactor) -> None:
    changed = [text for text in ORDINARY.split("|") if redactor.text(text) != text]
    assert changed == []


def test_planted_identifiers_never_reach_a_training_file(tmp_path: Path) -> None:
    """From messages to `examples.jsonl`, with names of people among what is planted."""
    people = ["Ottoline Marchbanks", "Tomasz Wiśniewski", "+49 1512 3456789", "~ Pilar 🌼", "João", "Анна", "zed_77"]
    told = [value for _, value in planted()]
    start = datetime(2024, 1, 1)
    messages: list[Message] = []
    for at, value in enumerate(told):
        sender, other = people[at % len(people)], people[(at + 3) % len(people)]
        text = f"did {other.strip('~ 🌼').split()[0]} get {value} yet"
        messages.append(Message("whatsapp", "c", sender, start + timedelta(minutes=2 * at), Kind.TEXT, text))
        words = f"ask {sender.strip('~ 🌼').split()[0]}, i have {value} here"
        messages.append(Message("whatsapp", "c", "Bea", start + timedelta(minutes=2 * at + 1), Kind.TEXT, words))
    redactor = Redactor.learn(messages, ["Bea"], seed=1)
    prepared = prepare(messages, speakers=("Bea",), measure=lambda turn: 10, redact=redactor.message)
    write_examples(tmp_path / "examples.jsonl", prepared.examples)
    written = (tmp_path / "examples.jsonl").read_text("utf-8")
    assert written.count('"Bea"') > 500
    names = ["Ottoline", "Marchbanks", "Tomasz", "Wiśniewski", "Pilar", "João", "Анна", "zed_77"]
    leaked = [value for value in (*told, *names) if json.dumps(value, ensure_ascii=False)[1:-1] in written]
    assert len(told) > 900
    assert len(leaked) <= 0.01 * len(told), leaked
    assert not set(leaked) & set(names)


@pytest.mark.parametrize("end", ["", "x"])
def test_no_text_takes_long(redactor: Redactor, end: str) -> None:
    """Whatever is repeated, in a message of the longest that a chat allows."""
    parts = (
        "1|1 |1-|1.|1, |12 |a|a.|a-|A-|A |Aa |A1|A.|DE12 |DE12A|DE12 A1 |@a|@|a@|a@b.|+1|(1) |://|http://|::|aa:|1:|1.2.|"
        "code |code a|pass: |12 A |Aa-|Aastr. |calle a |rua 1|/|=|_|-|--|sk-|eyJ|0x|ff|ха|ah|ha|lol|a at b dot |路|1号|é|\t| |\n"
    )
    for part in parts.split("|"):
        text = (part * 20_000)[:20_000] + end
        start = time.process_time()
        redactor.text(text)
        assert time.process_time() - start < 2, part
