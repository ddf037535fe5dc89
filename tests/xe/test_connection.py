"""Where the client lets a server send it."""

from __future__ import annotations

import pytest

from xapid.xe.connection import Unreachable, open_url
from xapid.xe.options import read


@pytest.mark.parametrize("url", ["/export\r\nX: y", "https://host/a b", "https://host/\n", "https://host/\x7f"])
def test_a_server_cannot_put_lines_of_its_own_into_requests(url: str) -> None:
    with pytest.raises(Unreachable, match="no address"):
        open_url(read(["-s", "192.0.2.1", "vm-list"], {}), url)
