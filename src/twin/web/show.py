"""How values look on a page: numbers, sizes, times, in the reader's language."""

from datetime import datetime
from functools import cache

from babel.support import NullTranslations, Translations
from flask import Flask, g, url_for
from flask_babel import (
    format_date,
    format_datetime,
    format_decimal,
    format_timedelta,
    get_locale,
    get_translations,
    ngettext,
)
from flask_babel import gettext as _
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from twin.domain.runs import Run, RunState, Stage
from twin.web import access
from twin.web.site import LANGUAGES, site

_PLATFORMS = {
    "whatsapp": "WhatsApp",
    "imessage": "iMessage",
    "chatgpt": "ChatGPT",
    "kakaotalk": "KakaoTalk",
    "wechat": "WeChat",
    "line": "LINE",
    "qq": "QQ",
    "sms": "SMS",
    "twitter": "X",
    "google-chat": "Google Chat",
    "google-voice": "Google Voice",
    "transcript": "Chat",
}


def size(count: float) -> str:
    """Bytes, for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{format_decimal(round(count, 0 if count >= 10 or unit == 'B' else 1))} {unit}"
        count /= 1000
    raise AssertionError


def duration(seconds: float) -> str:
    """A length of time in its largest unit or two."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return ngettext("%(num)d second", "%(num)d seconds", max(1, round(seconds)))
    if minutes < 120:
        return ngettext("%(num)d minute", "%(num)d minutes", minutes)
    return _("%(hours)d h %(minutes)d min", hours=minutes // 60, minutes=minutes % 60)


def ago(moment: datetime) -> str:
    return format_timedelta(moment - site().now(), granularity="minute", add_direction=True)


def platform_name(module: str) -> str:
    """What people call a platform that one of our modules reads."""
    return _PLATFORMS.get(module, module.replace("_", " ").capitalize())


def stage_name(stage: Stage) -> str:
    return {
        Stage.INGEST: _("Reading your chats"),
        Stage.PREPARE: _("Preparing what to learn from"),
        Stage.TRAIN: _("Learning to write like you"),
        Stage.CONVERT: _("Getting ready to answer"),
        Stage.EVALUATE: _("Measuring how alike it is"),
        Stage.PUBLISH: _("Waking up"),
    }[stage]


def state_name(run: Run) -> str:
    return {
        RunState.QUEUED: _("waits for its turn"),
        RunState.RUNNING: stage_name(run.stage) if run.stage else _("begins"),
        RunState.DONE: _("ready"),
        RunState.FAILED: _("could not be finished"),
        RunState.CANCELLED: _("stopped"),
    }[run.state]


def init(app: Flask) -> None:
    app.jinja_env.filters.update(
        size=size,
        duration=duration,
        ago=ago,
        number=format_decimal,
        date=lambda value: format_date(value, "medium"),
        time=lambda value: format_datetime(value, "short"),
        percent=lambda value: f"{value * 100:.0f} %",
        platform=platform_name,
        stage=stage_name,
        state=state_name,
    )

    app.jinja_env.install_gettext_callables(  # pyright: ignore[reportAttributeAccessIssue]
        gettext=lambda text: _texts().ugettext(text),
        ngettext=lambda one, many, count: _texts().ungettext(one, many, count),
        newstyle=True,
    )
    app.add_template_global(_text, "_")  # Jinja's own looks `gettext` up again for each of forty texts a page
    static = cache(lambda name: url_for("static", filename=name))

    @app.context_processor
    def shared() -> dict[str, object]:  # pyright: ignore[reportUnusedFunction]
        who = access.account() if access.is_logged_in() else None
        return {
            "account": who,
            "languages": LANGUAGES,
            "locale": str(get_locale() or "en"),
            "static": static,
            "csrf": lambda: Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf()),
            "problem_box": problem_box,
            "icon": icon,
        }


def _text(message: str, /, **variables: object) -> Markup:
    """A text in the reader's language. It is ours, so it may hold markup; what is put into it is escaped."""
    return Markup(_texts().ugettext(message)) % variables  # noqa: S704  our own catalogue


def _texts() -> Translations | NullTranslations:
    """The texts of the page that is being made: looked up once a page, not once a text."""
    if "texts" not in g:
        g.texts = get_translations()
    return g.texts


def problem_box(problem: str | None) -> str:
    """What was wrong with a form, where screen readers say it."""
    return Markup('<p class="problem" role="alert">{}</p>').format(problem) if problem else ""


_ICONS = {
    "send": "M4 12l16-8-5 16-3-7z",
    "stop": "M7 7h10v10H7z",
    "menu": "M4 6h16M4 12h16M4 18h16",
    "more": "M12 5v.01M12 12v.01M12 19v.01",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "edit": "M4 20h4L19 9l-4-4L4 16z",
    "again": "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
    "up": "M7 11v9H4v-9zm0 0l4-8a2 2 0 0 1 2 2v4h6a1 1 0 0 1 1 1l-2 9a1 1 0 0 1-1 1H7",
    "down": "M7 13V4H4v9zm0 0l4 8a2 2 0 0 0 2-2v-4h6a1 1 0 0 0 1-1l-2-9a1 1 0 0 0-1-1H7",
    "upload": "M12 16V4m0 0L7 9m5-5l5 5M4 16v4h16v-4",
}


def icon(name: str) -> str:
    """A small drawing beside a name or a label; says nothing itself."""
    return Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>').format(_ICONS[name])
