"""The most memory that this process has had."""

import re
import resource
from pathlib import Path


def peak_mb() -> float:
    """Resident memory at its highest, in MB.

    Linux hands the peak of who started a process on to it, as `getrusage` tells it; what /proc tells begins anew.
    """
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    kilobytes = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024
