"""Lines of a published file: plain or gzip, UTF-8 or CP932, in blocks of whole lines and bounded memory."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from wattmark.market.formats.jepx import JepxCode, plain, refused

BLOCK_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 4_096
ENCODINGS: Final = ("utf-8", "cp932")
"""Both are met; which one JEPX serves is not certain, so the header decides (J31)."""
GZIP_MAGIC: Final = b"\x1f\x8b"
PARQUET_MAGIC: Final = b"PAR1"
_BYTE_ORDER_MARK: Final = "\ufeff"


class PublishedLines:
    """The header of a file, and then its lines in blocks.

    Attributes:
        file: name for errors.
        encoding: ``utf-8`` or ``cp932``.
        header: column names without differences of width, case and space.
    """

    def __init__(self, source: BinaryIO, file: str) -> None:
        """Read the header.

        Args:
            source: the opened file, plain or gzip.
            file: its name, for errors.

        Raises:
            MalformedInput: it is damaged, or its header is no text.
        """
        self.file = file
        buffered = buffer(source)
        packed = buffered.peek(2)[:2] == GZIP_MAGIC
        self._source: io.BufferedIOBase = gzip.GzipFile(fileobj=buffered) if packed else buffered
        self._rest = b""
        first = self._first_line()
        for self.encoding in ENCODINGS:
            try:
                text = first.decode(self.encoding)
            except UnicodeDecodeError:
                continue
            break
        else:
            raise refused(JepxCode.NOT_IN_ENCODING, file, "line 1", first[:16].hex())
        self.header = [plain(name) for name in text.removeprefix(_BYTE_ORDER_MARK).split(",")]

    def column(self, *names: str) -> int:
        """Return the index of a column that has one of these names.

        Raises:
            MalformedInput: none or several have.
        """
        wanted = {plain(name) for name in names}
        found = [index for index, name in enumerate(self.header) if name in wanted]
        if len(found) != 1:
            raise refused(JepxCode.HEADER_UNKNOWN, self.file, "line 1", ",".join(self.header), column=names[0])
        return found[0]

    def has(self, name: str) -> bool:
        """Return whether the header has a column."""
        return plain(name) in self.header

    def blocks(self) -> Iterator[tuple[int, str]]:
        """Yield (number of the first line, text of whole lines) to the end of the file.

        Raises:
            MalformedInput: a line is too long or not in the encoding of the header, or the file is damaged.
        """
        line = 2
        while True:
            data = self._read()
            held = self._rest + data
            cut = held.rfind(b"\n") + 1 if data else len(held)
            block, self._rest = held[:cut], held[cut:]
            lines = block.count(b"\n")
            if len(self._rest) > MAX_LINE_BYTES:
                raise self._too_long(line + lines, len(self._rest))
            if block:
                yield line, self._decode(block, line)
            line += lines
            if not data:
                return

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, cells without outer spaces) of each line that is not blank.

        Raises:
            MalformedInput: as ``blocks``, or a line has more or fewer cells than the header.
        """
        for first, text in self.blocks():
            yield from self.rows_of(first, text)

    def rows_of(self, first: int, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of one block; see ``rows``."""
        width = len(self.header)
        for offset, raw in enumerate(text.split("\n")):
            if len(raw) > MAX_LINE_BYTES:
                raise self._too_long(first + offset, len(raw))
            line = raw.strip()
            if not line:
                continue
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) != width:
                raise refused(JepxCode.COLUMN_COUNT, self.file, f"line {first + offset}", line, count=width)
            yield first + offset, cells

    def _first_line(self) -> bytes:
        while b"\n" not in self._rest:
            if len(self._rest) > MAX_LINE_BYTES:
                raise self._too_long(1, len(self._rest))
            data = self._read()
            if not data:
                break
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        if len(line) > MAX_LINE_BYTES:
            raise self._too_long(1, len(line))
        return line

    def _read(self) -> bytes:
        try:
            return self._source.read(BLOCK_BYTES)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise refused(JepxCode.NOT_GZIP, self.file, "compressed data", str(error)) from error

    def _decode(self, block: bytes, line: int) -> str:
        try:
            return block.decode(self.encoding)
        except UnicodeDecodeError as error:
            at = line + block.count(b"\n", 0, error.start)
            shown = block[error.start : error.start + 4].hex()
            raise refused(JepxCode.NOT_IN_ENCODING, self.file, f"line {at}", shown) from error

    def _too_long(self, line: int, length: int) -> Exception:
        return refused(JepxCode.LINE_TOO_LONG, self.file, f"line {line}", length, limit=MAX_LINE_BYTES)


def buffer(source: BinaryIO) -> io.BufferedReader:
    """Return the source as one whose first bytes can be looked at."""
    return source if isinstance(source, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, source))


def is_parquet(source: io.BufferedReader) -> bool:
    """Return whether a source begins as Parquet does."""
    return source.peek(len(PARQUET_MAGIC))[: len(PARQUET_MAGIC)] == PARQUET_MAGIC
