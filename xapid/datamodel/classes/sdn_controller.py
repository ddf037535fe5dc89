"""Controllers of software-defined networks."""

from xapid.datamodel.schema import Class, Message, Param, constructed, runtime
from xapid.datamodel.types import Enum, Int, Ref, String, Void

sdn_controller_protocol = Enum(
    "sdn_controller_protocol",
    "Direction of the connection to an SDN controller.",
    {
        "ssl": "the switches connect to the controller",
        "pssl": "the switches listen for the controller",
    },
)


SDN_controller = Class(
    "SDN_controller",
    "A controller of software-defined networking that steers the pool's virtual switches.",
    "falcon",
    enums=(sdn_controller_protocol,),
    fields=(
        runtime("uuid", String, "Unique identifier of the SDN controller.", "falcon"),
        constructed(
            "protocol", sdn_controller_protocol, "Who opens the connection between switches and controller.", "falcon",
            default="ssl",
        ),
        constructed(
            "address", String, "IP address of the controller, empty when the switches wait for it to connect.", "falcon",
            default="",
        ),
        constructed("port", Int, "TCP port used for the connection.", "falcon", default=0),
    ),
    messages=(
        Message(
            "introduce",
            (Param("protocol", sdn_controller_protocol, "ssl"), Param("address", String, ""), Param("port", Int, 0)),
            Ref("SDN_controller"), "Makes a controller known to the pool's virtual switches.", "falcon",
        ),
        Message(
            "forget", (Param("self", Ref("SDN_controller")),), Void,
            "Disconnects the virtual switches from the controller and deletes it from the database.", "falcon",
        ),
    ),
)
