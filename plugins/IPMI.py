"""Power by IPMI 2.0 over the network: the mode ``IPMI``. It takes pyghmi (``pip install 'xapid[ipmi]'``).

=============================  =========================================================================================
``power_on_ip``                address of the management controller, with a port unless that is 623
``power_on_user``              who logs in to it
``power_on_password_secret``   uuid of a secret with the password
``power_off_grace``            seconds that the system has to shut down before its power is cut; 120, 0: none
=============================  =========================================================================================
"""

import _control

PORT = 623


class IPMI_POWERON_FAILED(Exception):
    """The host could not be switched on, or be asked whether it is."""


class IPMI_POWEROFF_FAILED(Exception):
    """The host could not be switched off."""


def custom(session, remote_host, power_on_config):
    """Switch the host on."""
    try:
        return _control.switch_on(Controller(_control.settings(session, power_on_config)))
    except _control.Problem as problem:
        raise IPMI_POWERON_FAILED(str(problem)) from None


def power_off(session, remote_host, power_on_config):
    """Switch it off."""
    try:
        return _control.switch_off(Controller(_control.settings(session, power_on_config)), power_on_config)
    except _control.Problem as problem:
        raise IPMI_POWEROFF_FAILED(str(problem)) from None


def power_status(session, remote_host, power_on_config):
    """``on`` or ``off``."""
    try:
        return Controller(_control.settings(session, power_on_config)).status()
    except _control.Problem as problem:
        raise IPMI_POWERON_FAILED(str(problem)) from None


class Controller:
    """A baseboard management controller, logged in to."""

    def __init__(self, settings):
        try:
            from pyghmi.ipmi.command import Command
        except ImportError as problem:
            raise _control.Problem("pyghmi is needed for IPMI: pip install 'xapid[ipmi]' (" + str(problem) + ")") from None
        address, port = _control.split_port(settings.address, PORT)
        self.name = "the IPMI controller at " + settings.address
        self._command = self._try(
            lambda: Command(bmc=address, port=port, userid=settings.user, password=settings.password, keepalive=False)
        )

    def status(self):
        """``on`` or ``off``."""
        return self._try(self._command.get_power)["powerstate"]

    def on(self):
        """Switch it on."""
        self._try(lambda: self._command.set_power("on"))

    def off(self):
        """Switch it off, whatever runs."""
        self._try(lambda: self._command.set_power("off"))

    def shut_down(self):
        """Press the button for which systems shut down."""
        self._try(lambda: self._command.set_power("shutdown"))

    def _try(self, action):
        try:
            return action()
        except Exception as problem:  # pyghmi stumbles in many ways, over controllers without IPMI 2.0 for one
            said = str(problem)
            if said == "None":  # what it says when nobody answers
                raise _control.Unreachable(self.name + " does not answer") from None
            raise _control.Problem(self.name + ": " + (said or type(problem).__name__)) from None
