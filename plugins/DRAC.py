"""Power by Dell's remote access controllers: the mode ``DRAC``.

The program ``racadm`` of Dell's does it if it is installed, and Redfish if not. The keys of the configuration are those of the
mode ``Redfish``; ``racadm`` takes the first three, and ``power_off_grace``. It wants the password on its command line, which
other users of this machine can see while it runs; Redfish shows it to nobody.
"""

import shutil

import _control
import Redfish

PROGRAM = "racadm"


class DRAC_POWERON_FAILED(Exception):
    """The host could not be switched on, or be asked whether it is."""


class DRAC_POWEROFF_FAILED(Exception):
    """The host could not be switched off."""


def custom(session, remote_host, power_on_config):
    """Switch the host on."""
    try:
        return _control.switch_on(_controller(session, power_on_config))
    except _control.Problem as problem:
        raise DRAC_POWERON_FAILED(str(problem)) from None


def power_off(session, remote_host, power_on_config):
    """Switch it off."""
    try:
        return _control.switch_off(_controller(session, power_on_config), power_on_config)
    except _control.Problem as problem:
        raise DRAC_POWEROFF_FAILED(str(problem)) from None


def power_status(session, remote_host, power_on_config):
    """``on`` or ``off``."""
    try:
        return _controller(session, power_on_config).status()
    except _control.Problem as problem:
        raise DRAC_POWERON_FAILED(str(problem)) from None


def _controller(session, config):
    if shutil.which(PROGRAM) is None:
        return Redfish.System(session, config)
    return Racadm(_control.settings(session, config))


class Racadm:
    """A controller, by Dell's program."""

    def __init__(self, settings):
        self.name = "the DRAC at " + settings.address
        self._login = [PROGRAM, "-r", settings.address, "-u", settings.user, "-p", settings.password]
        self._password = settings.password

    def status(self):
        """``on`` or ``off``, as the last word of what the program says."""
        words = self._act("powerstatus").split() or [""]
        return "on" if words[-1].upper() == "ON" else "off"

    def on(self):
        """Switch it on."""
        self._act("powerup")

    def off(self):
        """Switch it off, whatever runs."""
        self._act("powerdown")

    def shut_down(self):
        """Have the system shut down by itself."""
        self._act("graceshutdown")

    def _act(self, action):
        said = _control.run([*self._login, "serveraction", action], self._password)
        if "ERROR" in said:  # older ones report some failures with status 0
            raise _control.Problem(PROGRAM + ": " + said.strip())
        return said
