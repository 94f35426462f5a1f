"""The lake against its records: bytes, rows, totals and sum-tree roots of every file that a BULK_ROOT names."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pyarrow as pa

from wattmark.core.errors import Refused, UnknownReference
from wattmark.core.findings import Finding
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, words_hash
from wattmark.flows.bulk import payload_files
from wattmark.flows.lakefiles import read_table, tree_of
from wattmark.ledger.audit import audit_lake_file
from wattmark.ledger.lakefile import LakeFile

ROOT_RULE: Final = "L7: rows, total and root of the file are those on record"


class LakeCheck:
    """Checks each named file once; remembers their names to tell what is left over."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        """Read lake files through ``read``, which raises ``UnknownReference`` for one that is missing."""
        self._read = read
        self.named: set[str] = set()

    def files(self, where: str, payload: bytes) -> Iterator[tuple[LakeFile, dict[str, Any]] | Finding]:
        """Yield the files a payload names, or what is wrong with the payload itself.

        Args:
            where: file and frame of the record.
            payload: bytes beside the record.
        """
        try:
            yield from payload_files(payload)
        except (Refused, ValueError, TypeError, AttributeError) as error:
            yield Finding("journal", where, "BULK_ROOT payload", str(error))

    def bytes_of(self, described: LakeFile) -> tuple[bytes | None, list[Finding]]:
        """Return a file's bytes (``None`` when missing) and how they differ from its record."""
        self.named.add(described.path)
        try:
            data: bytes | None = self._read(described.path)
        except UnknownReference:
            data = None
        return data, audit_lake_file(described, data)

    @staticmethod
    def tables(
        files: list[tuple[LakeFile, dict[str, Any], bytes]], command: Words
    ) -> tuple[dict[str, pa.Table], list[Finding]]:
        """Return the tables by path, and where rows, totals or roots are not those on record.

        Those of the first file stand in the command, those of all in the payload.
        """
        tables: dict[str, pa.Table] = {}
        findings: list[Finding] = []
        for number, (described, entry, data) in enumerate(files):
            file = f"lake/{described.path}"
            try:
                table = read_table(data)
                tree = tree_of(table)
                tables[described.path] = table
            except (pa.ArrowException, Refused, KeyError, ValueError, TypeError) as error:
                findings.append(Finding(file, "whole file", ROOT_RULE, f"no table of the lake: {error}"))
                continue
            found: tuple[Any, ...] = (table.num_rows, str(tree.total_wh), tree.root.hex())
            expected = (entry.get("rows"), entry.get("total_wh"), entry.get("root"))
            if found != expected:
                findings.append(Finding(file, "whole file", ROOT_RULE, f"found {found}, payload says {expected}"))
            stated = (int(command[4]), str(int(command[5])), words_hash(command[e.W_ROOT : e.W_HASH]).hex())
            if number == 0 and found != stated:
                findings.append(Finding(file, "whole file", ROOT_RULE, f"found {found}, record says {stated}"))
        return tables, findings
