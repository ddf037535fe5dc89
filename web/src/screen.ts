// noVNC, in a file of its own that is loaded when somebody looks at a screen.

import RFB from "@novnc/novnc";

export { RFB };
