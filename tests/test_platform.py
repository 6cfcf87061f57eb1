"""The platform: which back ends the settings lead to."""

from importlib.util import find_spec

import pytest

from twin.errors import SettingsError
from twin.platform import Platform
from twin.settings import Settings


@pytest.mark.skipif(find_spec("kfp") is not None, reason="Google's packages are installed here")
@pytest.mark.parametrize(
    "settings",
    [Settings(objects="gs://bucket"), Settings(records="bigquery://project/dataset"), Settings(runner="pubsub:p/t")],
)
def test_a_cloud_address_without_the_extra_says_how_to_get_it(settings: Settings) -> None:
    platform = Platform(settings)
    with pytest.raises(SettingsError, match=r"pip install 'twin\[gcp\]'"):
        _ = (platform.objects, platform.records, platform.runner)


def test_a_key_in_the_address_of_a_server_is_presented_and_never_shown() -> None:
    platform = Platform(Settings(chat="vllm:https://:secret@gpu.example:8443"))
    url, token = platform._credentials("https://:secret@gpu.example:8443")
    assert (url, token()) == ("https://gpu.example:8443", "secret")
    assert "secret" not in repr(platform.settings)


def test_a_server_without_a_key_is_asked_without_one() -> None:
    url, token = Platform(Settings())._credentials("http://127.0.0.1:8000")
    assert (url, token()) == ("http://127.0.0.1:8000", None)


def test_an_unknown_server_of_replies_is_named() -> None:
    with pytest.raises(SettingsError, match="llama: or vllm:URL"):
        Platform(Settings(chat="gpt:")).chat("gemma3-270m")
