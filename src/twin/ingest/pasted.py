"""What a person pasted instead of writing it: documents and code put before an assistant."""

import re

_LONGEST = 3000
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)
_CODE_LINE = re.compile(
    r"\s*(?:(?:def|class|import|from|return|if|for|while|else|elif|try|function|const|let|var|public|private|static"
    r"|void|int|using|namespace|package|struct|fn|impl|SELECT|INSERT|UPDATE|CREATE)\b.*[:;{(\[,)]$|[#<@$].*[>;{)\]]$|[{}()\[\];,]+$"
    r"|.*[;{}]$|File \".*\", line \d+|\s*at .+\(.+:\d+\)|[\w.\"'-]+\s*[:=]\s*[\[{\"'\d].*,?$)"
)


def is_pasted(text: str) -> bool:
    """Whether a message is longer than people type (3,000 characters), or mostly code."""
    return len(text) > _LONGEST or is_code(text)


def is_code(text: str) -> bool:
    """Whether a text is mostly code, logs or markup."""
    if sum(len(block) for block in _FENCE.findall(text)) > len(text) / 2:
        return True
    lines = [line for line in _FENCE.sub("", text).splitlines() if line.strip()]
    return len(lines) > 4 and sum(1 for line in lines if _CODE_LINE.match(line)) > len(lines) / 2
