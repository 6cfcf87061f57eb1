"""These tests need Google's packages, which have an environment of their own: `make test-cloud`."""

import os
from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("kfp") else ["test_*.py"]

# Google's storage client asks for the bucket's location in the background, for traces that nobody takes here.
os.environ["DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"] = "true"
