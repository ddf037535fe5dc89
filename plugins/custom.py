"""An example of a power-on script, for the mode ``custom``: copy it, give it a name of its own, and fill it in.

It switches nothing on. What it returns is shown when the host has not come up ten minutes later.
"""

import XenAPI


def custom(session, remote_host, power_on_config):
    """Called by ``host.power_on`` for a host with this mode.

    session          a XenAPI.Session that is logged in
    remote_host      reference of the host to switch on
    power_on_config  what was given to host.set_power_on_mode, a dict of texts
    """
    result = "Power On Not Successful"
    try:
        result = result + " for " + session.xenapi.host.get_name_label(remote_host)
    except XenAPI.Failure as failure:
        result = result + " for a host that cannot be asked for: " + str(failure)
    for key in power_on_config:
        value = power_on_config[key]
        if key.endswith("password_secret"):
            # The value is the uuid of a secret. Its content is for the machine that is switched on, and for nothing else:
            # session.xenapi.secret.get_value(session.xenapi.secret.get_by_uuid(value))
            value = "(a secret)"
        result = result + "\n" + key + "=" + value
    return result
