"""What calls are refused with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import XenAPI


def refused(call: Callable[..., Any], *args: Any) -> list[str]:
    """The code and the parameters of the error that a call ends with, as it must."""
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    return list(caught.value.details)
