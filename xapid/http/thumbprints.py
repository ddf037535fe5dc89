"""Whom to trust where a member sends a client to: the thumbprint of the coordinator's certificate, for clients that ask for it.

A client that pins certificates asks in a header of its request (:attr:`xapid.http.head.Head.thumbprint_asked`). If the call is
refused with HOST_IS_SLAVE, a header of the answer says by which certificate it will know the host that the error names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from xapid.datamodel.types import Type
from xapid.wire.call import Answer, Codec

HEADER: Final = b"x-xenapi-response-host-certificate-thumbprint: "
END: Final = b"\r\n\r\n"


class Watched:
    """Writes the answer as the call's own codec does, and knows afterwards whether it sends the client elsewhere."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.is_sent_elsewhere = False

    @property
    def content_type(self) -> bytes:
        return self._codec.content_type

    def success(self, type_: Type, value: Any) -> Answer:
        return self._codec.success(type_, value)

    def failure(self, description: tuple[str, ...]) -> Answer:
        self.is_sent_elsewhere = description[0] == "HOST_IS_SLAVE"
        return self._codec.failure(description)

    def bare(self, type_: Type, value: Any) -> Answer:
        return self._codec.bare(type_, value)


def told(head: bytes, algorithm: str, known: Mapping[str, str]) -> bytes:
    """The end of an answer's head with the thumbprint in it, if it is ``known`` by that algorithm."""
    thumbprint = known.get(algorithm)
    return head if thumbprint is None else head.removesuffix(END) + b"\r\n" + HEADER + thumbprint.encode() + END
