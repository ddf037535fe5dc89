"""Class ``auth``: questions to the external directory. Without one, all of them answer AUTH_IS_DISABLED."""

from __future__ import annotations

from xapid.datamodel.types import frozenmap
from xapid.operations.context import Context
from xapid.operations.directories import directory


async def get_subject_identifier(context: Context, subject_name: str) -> str:
    identifier: str = await directory(context).get_subject_identifier(subject_name)
    return identifier


async def get_subject_information_from_identifier(context: Context, subject_identifier: str) -> frozenmap:
    return frozenmap(await directory(context).get_subject_information(subject_identifier))


async def get_group_membership(context: Context, subject_identifier: str) -> tuple[str, ...]:
    return tuple(await directory(context).get_group_membership(subject_identifier))
