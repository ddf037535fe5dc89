"""The plugin ``updater.py``: the packages that a host lacks, in the form that XCP-ng's plugin of that name has.

Interfaces made for XCP-ng ask it again and again and show how many there are. Without a repository, or before it has been
looked at, there is nothing that a host is known to lack.
"""

from __future__ import annotations

from typing import Final

import orjson

from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context
from xapid.operations.updating import missing, offer_of

PLUGIN: Final = "updater.py"


async def check_update(context: Context, host: str, args: frozenmap) -> str:
    """A JSON list of packages: name, version, release, and what the newest update with it says about itself."""
    db = context.db
    try:
        offer = offer_of(db, context.services)
    except XenAPIError:
        return "[]"
    gaps = missing(db, db.get("host", host), offer)
    why = {package: update for update in gaps.updates for package in update.packages}
    found = [
        {
            "name": package.name,
            "version": package.version,
            "release": package.release,
            "description": why[package].summary,
            "url": why[package].url,
            "changelog": {"date": int(why[package].issued.timestamp()), "description": why[package].description, "author": ""},
        }
        for package in gaps.packages
    ]
    return orjson.dumps(found).decode()
