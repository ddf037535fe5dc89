"""The classes of the XenAPI, one file per class or tight family. A class found here is part of the API."""
