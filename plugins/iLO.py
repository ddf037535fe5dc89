"""Power by HPE's Integrated Lights-Out: the mode ``iLO``.

The program ``ilorest`` of HPE's does it if it is installed, and Redfish, which iLO speaks since its fourth generation, if not.
The keys of the configuration are those of the mode ``Redfish``; ``ilorest`` takes the first three, and ``power_off_grace``. It
wants the password on its command line, which other users of this machine can see while it runs; Redfish shows it to nobody.
"""

import shutil
import tempfile

import _control
import Redfish

PROGRAM = "ilorest"


class ILO_CONNECTION_ERROR(Exception):
    """The controller does not answer."""


class ILO_POWERON_FAILED(Exception):
    """The host could not be switched on, or be asked whether it is."""


class ILO_POWEROFF_FAILED(Exception):
    """The host could not be switched off."""


def custom(session, remote_host, power_on_config):
    """Switch the host on."""
    return _do(session, power_on_config, _control.switch_on, ILO_POWERON_FAILED)


def power_off(session, remote_host, power_on_config):
    """Switch it off."""
    return _do(session, power_on_config, lambda system: _control.switch_off(system, power_on_config), ILO_POWEROFF_FAILED)


def power_status(session, remote_host, power_on_config):
    """``on`` or ``off``."""
    return _do(session, power_on_config, lambda system: system.status(), ILO_POWERON_FAILED)


def _do(session, config, action, failure):
    try:
        if shutil.which(PROGRAM) is None:
            return action(Redfish.System(session, config))
        with tempfile.TemporaryDirectory() as cache:
            return action(Ilorest(_control.settings(session, config), cache))
    except _control.Unreachable as problem:
        raise ILO_CONNECTION_ERROR(str(problem)) from None
    except _control.Problem as problem:
        raise failure(str(problem)) from None


class Ilorest:
    """A controller, by HPE's program. What that keeps between calls goes to the folder ``cache``."""

    def __init__(self, settings, cache):
        self.name = "the iLO at " + settings.address
        self._settings = settings
        self._command = [PROGRAM, "--nologo", "--cache-dir", cache]

    def status(self):
        """``on`` or ``off``."""
        said = self._act("get", "PowerState", "--selector=ComputerSystem.")
        return "on" if "PowerState=On" in said.replace(" ", "") else "off"

    def on(self):
        """Switch it on."""
        self._act("reboot", "On")

    def off(self):
        """Switch it off, whatever runs."""
        self._act("reboot", "ForceOff")

    def shut_down(self):
        """Press the button for which systems shut down."""
        self._act("reboot", "PushPowerButton")

    def _act(self, *words):
        address, user, password = self._settings
        try:
            _control.run([*self._command, "login", address, "-u", user, "-p", password], password)
        except _control.Problem as problem:
            raise _control.Unreachable(str(problem)) from None
        try:
            return _control.run([*self._command, *words], password)
        finally:
            _control.run([*self._command, "logout"], password)
