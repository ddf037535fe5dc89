"""What the power modes that ship with xapid have in common. No mode itself: the name begins with ``_``."""

import subprocess
import time
from collections import namedtuple

GRACE = 120
"""Seconds that a system has to shut down before its power is cut, unless ``power_off_grace`` says otherwise."""
SETTLES_WITHIN = 30
"""Seconds until a management controller must have done what it was told."""
LOOK_FIRST, LOOK_LAST, LOOK_SLOWER = 0.5, 5.0, 1.5
"""Seconds between looks at a controller, which are slow machines: the first, the longest, and how they grow."""

Settings = namedtuple("Settings", "address user password")


class HOST_POWER_ON_NOT_CONFIGURED(Exception):
    """A key of ``host.power_on_config`` is missing."""


class Problem(Exception):
    """The management controller did not do it. The text says why."""


class Unreachable(Problem):
    """The management controller does not answer."""


def settings(session, config):
    """Address, user and password of a management controller; the password is the value of a secret."""
    for key in ("power_on_ip", "power_on_user", "power_on_password_secret"):
        if not config.get(key):
            raise HOST_POWER_ON_NOT_CONFIGURED(key + " is not set")
    secret = session.xenapi.secret.get_by_uuid(config["power_on_password_secret"])
    return Settings(config["power_on_ip"], config["power_on_user"], session.xenapi.secret.get_value(secret))


def split_port(address, port):
    """An address, and the port behind its last colon if there is one."""
    host, colon, number = address.rpartition(":")
    if colon and number.isdigit() and (":" not in host or host.endswith("]")):
        return host.strip("[]"), int(number)
    return address.strip("[]"), port


def switch_on(controller):
    """Switch on what ``controller`` controls, and wait until it is on. Raises Problem."""
    if controller.status() == "on":
        return controller.name + " says that the host is on already"
    controller.on()
    if not _becomes("on", controller, SETTLES_WITHIN):
        raise Problem(controller.name + " did not switch the host on within " + str(SETTLES_WITHIN) + " s")
    return controller.name + " switched the host on"


def switch_off(controller, config):
    """Have the system shut down; cut the power if it does not do so in time. Raises Problem."""
    if controller.status() == "off":
        return controller.name + " says that the host is off already"
    grace = config.get("power_off_grace", str(GRACE))
    if not grace.isdigit():
        raise Problem("power_off_grace is not a number of seconds: " + grace)
    if int(grace):
        try:
            controller.shut_down()
            if _becomes("off", controller, int(grace)):
                return controller.name + " had the host shut down"
        except Unreachable:
            raise
        except Problem:
            pass  # it cannot ask a system to shut down, or the system does not listen: then the hard way
    controller.off()
    if not _becomes("off", controller, SETTLES_WITHIN):
        raise Problem(controller.name + " did not switch the host off within " + str(SETTLES_WITHIN) + " s")
    return controller.name + " switched the host off"


def run(command, hidden):
    """What a program prints. Raises Problem, in which the text ``hidden`` does not show."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as problem:
        raise Problem(command[0] + ": " + str(problem.strerror)) from None
    said = (done.stdout + done.stderr).replace(hidden, "********")
    if done.returncode:
        raise Problem(command[0] + " ended with status " + str(done.returncode) + ": " + said.strip())
    return said


def _becomes(state, controller, limit):
    deadline, pause = time.monotonic() + limit, LOOK_FIRST
    while controller.status() != state:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * LOOK_SLOWER, LOOK_LAST)
    return True
