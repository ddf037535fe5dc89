"""Power by Redfish, as the management controllers of most servers speak it: the mode ``Redfish``.

=============================  =========================================================================================
``power_on_ip``                address of the service, with a port unless that is 443; or an address with a scheme,
                               ``http://…``, for one without TLS
``power_on_user``              who logs in to it
``power_on_password_secret``   uuid of a secret with the password
``power_on_fingerprint``       SHA-256 of the service's certificate; without it, an authority that this machine trusts must
                               have signed it
``power_on_system``            Id, name or UUID of the system, for a service that has several
``power_off_grace``            seconds that the system has to shut down before its power is cut; 120, 0: none
=============================  =========================================================================================
"""

import base64
import hashlib
import http.client
import json
import ssl
from urllib.parse import urljoin, urlsplit

import _control

TIMEOUT = 30
ROOT = "/redfish/v1/"
RESET = "#ComputerSystem.Reset"


class REDFISH_POWERON_FAILED(Exception):
    """The host could not be switched on, or be asked whether it is."""


class REDFISH_POWEROFF_FAILED(Exception):
    """The host could not be switched off."""


def custom(session, remote_host, power_on_config):
    """Switch the host on."""
    try:
        return _control.switch_on(System(session, power_on_config))
    except _control.Problem as problem:
        raise REDFISH_POWERON_FAILED(str(problem)) from None


def power_off(session, remote_host, power_on_config):
    """Switch it off."""
    try:
        return _control.switch_off(System(session, power_on_config), power_on_config)
    except _control.Problem as problem:
        raise REDFISH_POWEROFF_FAILED(str(problem)) from None


def power_status(session, remote_host, power_on_config):
    """``on`` or ``off``."""
    try:
        return System(session, power_on_config).status()
    except _control.Problem as problem:
        raise REDFISH_POWERON_FAILED(str(problem)) from None


class System:
    """A system of a Redfish service."""

    def __init__(self, session, config):
        settings = _control.settings(session, config)
        self.name = "the Redfish service at " + settings.address
        self._service = Service(self.name, settings, config.get("power_on_fingerprint", ""))
        self._path = self._choose(config.get("power_on_system", ""))

    def status(self):
        """``on`` or ``off``; on the way from one to the other it is the one before."""
        state = str(self._service.get(self._path).get("PowerState"))
        return {"On": "on", "PoweringOff": "on", "Paused": "on"}.get(state, "off")

    def on(self):
        """Switch it on."""
        self._reset("On", "ForceOn", "PushPowerButton")

    def off(self):
        """Switch it off, whatever runs."""
        self._reset("ForceOff")

    def shut_down(self):
        """Have the system shut down by itself."""
        self._reset("GracefulShutdown", "PushPowerButton")

    def _choose(self, wanted):
        root = self._service.get(ROOT)
        collection = self._service.get(_link(root.get("Systems"), "the list of systems"))
        paths = [_link(member, "a system") for member in collection.get("Members") or ()]
        if not wanted and len(paths) == 1:
            return paths[0]
        systems = [(path, self._service.get(path)) for path in paths]
        for path, system in systems:
            if wanted and wanted in (system.get("Id"), system.get("Name"), system.get("UUID")):
                return path
        known = ", ".join(str(system.get("Id")) for _, system in systems)
        raise _control.Problem("power_on_system must be one of the systems of " + self.name + ": " + known)

    def _reset(self, *types):
        action = (self._service.get(self._path).get("Actions") or {}).get(RESET) or {}
        allowed = action.get("ResetType@Redfish.AllowableValues") or types
        for type_ in types:
            if type_ in allowed:
                self._service.post(str(action.get("target") or self._path.rstrip("/") + "/Actions/ComputerSystem.Reset"), type_)
                return
        raise _control.Problem(self.name + " offers none of " + ", ".join(types))


class Service:
    """Requests to a Redfish service, over one connection as long as the service keeps it."""

    def __init__(self, name, settings, fingerprint):
        self._name = name
        _, slashes, _ = settings.address.partition("://")
        self._url = settings.address if slashes else "https://" + _bracketed(settings.address)
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _control.Problem("power_on_ip is not an address: " + settings.address)
        self._secure, self._host = parts.scheme == "https", parts.hostname
        try:
            self._port = parts.port or (443 if self._secure else 80)
        except ValueError:
            raise _control.Problem("power_on_ip is not an address: " + settings.address) from None
        self._fingerprint = fingerprint.replace(":", "").lower()
        self._kept = None
        login = base64.b64encode((settings.user + ":" + settings.password).encode()).decode()
        self._headers = {"Authorization": "Basic " + login, "Accept": "application/json", "OData-Version": "4.0"}

    def get(self, path):
        """The object at ``path``."""
        return self._ask("GET", path, None)

    def post(self, path, type_):
        """Have a system change its state."""
        self._ask("POST", path, {"ResetType": type_})

    def _ask(self, method, path, body):
        path = urlsplit(urljoin(self._url + "/", path)).path
        headers = dict(self._headers) | ({"Content-Type": "application/json"} if body else {})
        kept, self._kept = self._kept, None
        connection = kept or self._connect()
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            status, said = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as problem:
            connection.close()
            if kept is not None:  # it was closed in the meantime
                return self._ask(method, path, body)
            raise _control.Unreachable(self._name + ": " + (str(problem) or type(problem).__name__)) from None
        self._kept = connection if connection.sock is not None else None
        if status == 401:
            raise _control.Problem(self._name + " does not accept user and password")
        if not 200 <= status < 300:
            raise _control.Problem(self._name + " answered " + str(status) + " to " + method + " " + path + _reason(said))
        return _object(said) if method == "GET" else {}

    def _connect(self):
        try:
            if not self._secure:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
                connection.connect()
                return connection
            context = ssl.create_default_context()
            if self._fingerprint:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=context)
            connection.connect()
        except ssl.SSLCertVerificationError as problem:
            text = ": its certificate is not trusted (" + problem.verify_message + "). If it is the right one, set "
            raise _control.Unreachable(self._name + text + "power_on_fingerprint to " + self._shown()) from None
        except (OSError, http.client.HTTPException, ValueError) as problem:  # the last two for what is no name of a host
            raise _control.Unreachable(self._name + " cannot be reached: " + (str(problem) or "no answer")) from None
        shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if self._fingerprint and shown != self._fingerprint:
            connection.close()
            raise _control.Unreachable(self._name + " shows another certificate than power_on_fingerprint says: " + shown)
        return connection

    def _shown(self):
        """The fingerprint that the service shows; nothing else is said to it."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=context)
        try:
            connection.connect()
            return hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
        except OSError:
            return "what it shows"
        finally:
            connection.close()


def _link(value, what):
    path = value.get("@odata.id") if isinstance(value, dict) else None
    if not isinstance(path, str):
        raise _control.Problem("the Redfish service does not say where " + what + " is")
    return path


def _object(said):
    try:
        value = json.loads(said)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _control.Problem("the Redfish service answered with something that is no JSON object")
    return value


def _reason(said):
    try:
        return ": " + str(json.loads(said)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _bracketed(address):
    return "[" + address + "]" if address.count(":") > 1 and not address.startswith("[") else address
