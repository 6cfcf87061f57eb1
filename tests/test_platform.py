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
