"""Talking to a workload balancing server: SOAP requests, and what its answers and silences mean.

The server answers at ``https://<address>:<port>/Citrix.Dwm.WorkloadBalance/Service``. A request has parameters by name; its
result is an element of whose children we read some. Nothing of a password is ever part of an error.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs
from lxml import etree

from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.operations.cabling import the_pool
from xapid.operations.context import Context
from xapid.operations.interrupting import interruptible
from xapid.operations.posts import Posted, PostFailed

PATH: Final = "/Citrix.Dwm.WorkloadBalance/Service"
NAMESPACE: Final = "http://schemas.citrix.com/DWM"
ARRAYS: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
TIMEOUT: Final = ("wlb_timeout", 30.0)
"""The key in ``pool.other_config`` for the seconds that a request may take, and what it is without."""
_FAILURES: Final = {
    "refused": "WLB_CONNECTION_REFUSED", "unknown_host": "WLB_UNKNOWN_HOST", "reset": "WLB_CONNECTION_RESET",
}  # fmt: skip
_STATUS: Final = {400: "WLB_MALFORMED_REQUEST", 401: "WLB_AUTHENTICATION_FAILED", 403: "WLB_AUTHENTICATION_FAILED"}
_OK: Final = 200

Value = str | Mapping[str, str] | Sequence[tuple[str, str]]
"""A parameter's: text, pairs of texts, or the parameters of a report."""


@attrs.frozen
class Account:
    """Where the server answers, and as whom it is spoken to."""

    url: str
    user: str
    password: str = attrs.field(repr=False)

    @property
    def place(self) -> tuple[str, int]:
        """Address and port. Errors: WLB_URL_INVALID."""
        host, colon, port = self.url.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        usable = (
            colon and port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16 and bare and not set(bare) & set(" /@[]")
        )
        if not usable or (":" in bare and bare == host):
            raise XenAPIError("WLB_URL_INVALID", self.url)
        return bare, int(port)


def account(context: Context) -> Account:
    """The one that the pool uses. Errors: WLB_NOT_INITIALIZED."""
    pool = the_pool(context.db)
    if not pool.wlb_url:
        raise XenAPIError("WLB_NOT_INITIALIZED")
    secret = context.db.table("secret").find(pool.wlb_password)
    return Account(pool.wlb_url, pool.wlb_username, "" if secret is None else secret.value)


class Result:
    """What a request came to. Errors when reading: WLB_MALFORMED_RESPONSE, with the method, a reason and the answer."""

    def __init__(self, method: str, element: etree._Element, text: str) -> None:
        self._method = method
        self._element = element
        self._text = text

    @property
    def is_empty(self) -> bool:
        """Whether it has no parts."""
        return len(self._element) == 0

    def text(self, name: str) -> str:
        """The text of a part that must be there."""
        part = _child(self._element, name)
        if part is None:
            raise self.malformed(f"{name} is missing")
        return part.text or ""

    def parts(self, name: str) -> list[dict[str, str]]:
        """The texts of each element below ``name``, by their names; none if it is missing or empty."""
        whole = _child(self._element, name)
        return [] if whole is None else [{_local(leaf): leaf.text or "" for leaf in part} for part in _elements(whole)]

    def malformed(self, reason: str) -> XenAPIError:
        """The error for an answer that makes no sense."""
        return XenAPIError("WLB_MALFORMED_RESPONSE", self._method, reason, self._text)


async def ask(
    context: Context,
    method: str,
    parameters: Mapping[str, Value] | None = None,
    *,
    by: Account | None = None,
    patience: tuple[str, float] = TIMEOUT,
) -> Result:
    """The result of a request of the pool. ``by``: not as the account that the pool has.

    Errors: WLB_NOT_INITIALIZED, WLB_URL_INVALID, WLB_CONNECTION_REFUSED, WLB_CONNECTION_RESET, WLB_UNKNOWN_HOST, WLB_TIMEOUT,
    WLB_AUTHENTICATION_FAILED, SSL_VERIFY_ERROR, WLB_MALFORMED_REQUEST, WLB_MALFORMED_RESPONSE, WLB_INTERNAL_ERROR with what
    the server said.
    """
    account_ = account(context) if by is None else by
    pool = the_pool(context.db)
    host, port = account_.place
    timeout = _seconds(pool, *patience)
    trusted = await _trusted(context) if pool.wlb_verify_cert else None
    pair = b64encode(f"{account_.user}:{account_.password}".encode()).decode()
    headers = {
        "SOAPAction": f'"{NAMESPACE}/IWorkloadBalance/{method}"', "Content-Type": "text/xml; charset=utf-8",
        "Authorization": f"Basic {pair}",
    }  # fmt: skip
    body = envelope(method, parameters or {})
    sending = context.services.elsewhere.post(host, port, PATH, headers, body, timeout, trusted)
    try:
        posted = await interruptible(context, sending)
    except PostFailed as failure:
        context.task.check_cancelled()
        if failure.reason == "timed_out":
            raise XenAPIError("WLB_TIMEOUT", _float(timeout)) from failure
        if failure.reason == "unverified":
            raise XenAPIError("SSL_VERIFY_ERROR", failure.text) from failure
        raise XenAPIError(_FAILURES[failure.reason]) from failure
    return _result(method, posted)


def envelope(method: str, parameters: Mapping[str, Value]) -> bytes:
    """A request as SOAP has it."""
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    call = etree.SubElement(etree.SubElement(root, f"{{{SOAP}}}Body"), f"{{{NAMESPACE}}}{method}", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # lxml's default namespace
    request = etree.SubElement(call, f"{{{NAMESPACE}}}request")
    for name, value in parameters.items():
        if isinstance(value, str):
            etree.SubElement(request, f"{{{NAMESPACE}}}{name}").text = value
        elif isinstance(value, Mapping):
            _pairs(etree.SubElement(request, f"{{{NAMESPACE}}}{name}", nsmap={"b": ARRAYS}), value)
        else:
            _report(etree.SubElement(request, f"{{{NAMESPACE}}}{name}"), value)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _pairs(element: etree._Element, pairs: Mapping[str, str]) -> None:
    for key, value in pairs.items():
        pair = etree.SubElement(element, f"{{{ARRAYS}}}KeyValueOfstringstring")
        etree.SubElement(pair, f"{{{ARRAYS}}}Key").text = key
        etree.SubElement(pair, f"{{{ARRAYS}}}Value").text = value


def _report(element: etree._Element, parameters: Sequence[tuple[str, str]]) -> None:
    for name, value in parameters:
        parameter = etree.SubElement(element, f"{{{NAMESPACE}}}ReportParameter")
        etree.SubElement(parameter, f"{{{NAMESPACE}}}ParameterName").text = name
        etree.SubElement(parameter, f"{{{NAMESPACE}}}ParameterValue").text = value


def _result(method: str, posted: Posted) -> Result:
    if posted.status in _STATUS:
        raise XenAPIError(_STATUS[posted.status])
    if posted.status != _OK:
        raise XenAPIError.relayed("WLB_INTERNAL_ERROR", str(posted.status), f"{method} was answered with an HTTP error")
    text = posted.body.decode("utf-8", "replace")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(posted.body, parser)
    except etree.XMLSyntaxError as problem:
        raise XenAPIError("WLB_MALFORMED_RESPONSE", method, f"it is not XML: {problem}", text) from None
    fault = _at(root, ("Body", "Fault"))
    if fault is not None:
        reason = _at(fault, ("Reason", "Text"))
        said = reason if reason is not None else _child(fault, "faultstring")
        raise XenAPIError.relayed("WLB_INTERNAL_ERROR", "Exception:", "" if said is None else said.text or "")
    element = _at(root, ("Body", f"{method}Response", f"{method}Result"))
    if element is None:
        raise XenAPIError("WLB_MALFORMED_RESPONSE", method, f"{method}Result is missing", text)
    code = _child(element, "ResultCode")
    if code is not None and code.text not in (None, "0"):
        message = _child(element, "ErrorMessage")
        raise XenAPIError.relayed("WLB_INTERNAL_ERROR", code.text, "" if message is None else message.text or "")
    return Result(method, element, text)


async def _trusted(context: Context) -> Sequence[str]:
    """The certificates that an administrator has had the pool trust."""
    known = await context.agent(the_pool(context.db).master).certificates.list_certificates()
    return [certificate["pem"] for certificate in known if certificate["type"] == "ca"]


def _seconds(pool: Row, key: str, usual: float) -> float:
    try:
        seconds = float(pool.other_config.get(key, usual))
    except ValueError:
        return usual
    return seconds if seconds > 0 else usual


def _float(value: float) -> str:
    """As clients of the reference server see it."""
    return f"{value:.0f}." if value.is_integer() else f"{value:g}"


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _elements(element: etree._Element) -> Iterator[etree._Element]:
    return element.iterchildren("*")


def _child(element: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in _elements(element) if _local(child) == name), None)


def _at(element: etree._Element, path: Sequence[str]) -> etree._Element | None:
    found: etree._Element | None = element
    for name in path:
        found = None if found is None else _child(found, name)
    return found
