"""Why a signed or framed record is refused: the error names place, value and rule, and no value comes out.

Signature and counter refusals are those of ``metering.errors``; here is what can be wrong with the bytes.
"""

from enum import StrEnum
from typing import Final

from wattmark.core.text import Text
from wattmark.metering.errors import ReadingsMalformed


class RecordCode(StrEnum):
    """What is wrong with a record, a frame, a key or a container."""

    FORMAT_UNKNOWN = "FORMAT_UNKNOWN"
    RECORD_TOO_LONG = "RECORD_TOO_LONG"
    RECORD_CUT = "RECORD_CUT"
    BYTES_LEFT_OVER = "BYTES_LEFT_OVER"
    NOT_OCMF = "NOT_OCMF"
    NOT_JSON = "NOT_JSON"
    NOT_XML = "NOT_XML"
    NOT_HDLC = "NOT_HDLC"
    NOT_ECHONET = "NOT_ECHONET"
    NOT_P1 = "NOT_P1"
    NOT_NEM12 = "NOT_NEM12"
    CHECKSUM_WRONG = "CHECKSUM_WRONG"
    FIELD_MISSING = "FIELD_MISSING"
    FIELD_UNKNOWN = "FIELD_UNKNOWN"
    FIELD_INVALID = "FIELD_INVALID"
    CODE_UNKNOWN = "CODE_UNKNOWN"
    UNIT_UNKNOWN = "UNIT_UNKNOWN"
    OBIS_INVALID = "OBIS_INVALID"
    LIST_UNKNOWN = "LIST_UNKNOWN"
    KEY_MISSING = "KEY_MISSING"
    KEY_UNREADABLE = "KEY_UNREADABLE"
    KEY_OF_ANOTHER_CURVE = "KEY_OF_ANOTHER_CURVE"
    SIGNATURE_UNREADABLE = "SIGNATURE_UNREADABLE"
    PROTECTION_REFUSED = "PROTECTION_REFUSED"
    TAG_WRONG = "TAG_WRONG"


RULES: Final = {
    RecordCode.FORMAT_UNKNOWN: Text(
        en="a format that shows in its content: {known}", ja="内容から判別できる形式であること: {known}"
    ),
    RecordCode.RECORD_TOO_LONG: Text(en="at most {limit} bytes", ja="{limit}バイト以下であること"),
    RecordCode.RECORD_CUT: Text(en="{count} more bytes", ja="あと{count}バイト必要"),
    RecordCode.BYTES_LEFT_OVER: Text(en="nothing after the end", ja="末尾に余分なバイトがないこと"),
    RecordCode.NOT_OCMF: Text(
        en="OCMF|payload|signature with no further bar", ja="OCMF|データ|署名 の形で、他に縦線がないこと"
    ),
    RecordCode.NOT_JSON: Text(
        en="one JSON object in UTF-8, each name once", ja="UTF-8のJSONオブジェクト1つで、名前の重複がないこと"
    ),
    RecordCode.NOT_XML: Text(
        en="well-formed XML without a document type: {rule}", ja="文書型宣言のない正しいXMLであること: {rule}"
    ),
    RecordCode.NOT_HDLC: Text(en="an HDLC frame of type 3: {rule}", ja="HDLC形式3のフレームであること: {rule}"),
    RecordCode.NOT_ECHONET: Text(
        en="an ECHONET Lite frame (1081...) or its ERXUDP line", ja="ECHONET Liteの電文(1081…)またはERXUDP行であること"
    ),
    RecordCode.NOT_P1: Text(en="a P1 telegram from / to !: {rule}", ja="/から!までのP1電文であること: {rule}"),
    RecordCode.NOT_NEM12: Text(en="a NEM12 or NEM13 file: {rule}", ja="NEM12またはNEM13ファイルであること: {rule}"),
    RecordCode.CHECKSUM_WRONG: Text(en="the check sequence {expected}", ja="検査値{expected}に一致すること"),
    RecordCode.FIELD_MISSING: Text(en="must be there", ja="必須項目であること"),
    RecordCode.FIELD_UNKNOWN: Text(en="one of {known}", ja="次のいずれか: {known}"),
    RecordCode.FIELD_INVALID: Text(en="{rule}", ja="規則: {rule}"),
    RecordCode.CODE_UNKNOWN: Text(en="one of {known}", ja="次のいずれか: {known}"),
    RecordCode.UNIT_UNKNOWN: Text(en="a known unit: {known}", ja="既知の単位であること: {known}"),
    RecordCode.OBIS_INVALID: Text(en="an OBIS code such as 1-0:1.8.0", ja="1-0:1.8.0のようなOBISコードであること"),
    RecordCode.LIST_UNKNOWN: Text(
        en="a list of values whose units are known: {known}", ja="単位が既知の値リストであること: {known}"
    ),
    RecordCode.KEY_MISSING: Text(
        en="a public key, which travels apart from the record", ja="公開鍵(記録とは別に届く)があること"
    ),
    RecordCode.KEY_UNREADABLE: Text(
        en="a public key as SubjectPublicKeyInfo or x and y, in hex or base64",
        ja="SubjectPublicKeyInfoまたはxとyの公開鍵(16進またはbase64)であること",
    ),
    RecordCode.KEY_OF_ANOTHER_CURVE: Text(
        en="a key on the curve the signature names: {curve}", ja="署名の曲線{curve}上の鍵であること"
    ),
    RecordCode.SIGNATURE_UNREADABLE: Text(
        en="r and s, in DER or as {count} bytes", ja="DERまたは{count}バイトのrとsであること"
    ),
    RecordCode.PROTECTION_REFUSED: Text(en="{rule}", ja="保護方式の規則: {rule}"),
    RecordCode.TAG_WRONG: Text(
        en="an authentication tag of this key over exactly these bytes",
        ja="このバイト列に対するこの鍵の認証タグであること",
    ),
}
"""Every code in words."""


def record_refused(code: RecordCode, where: str, value: object, **words: object) -> ReadingsMalformed:
    """Return the error of a code, ready to raise.

    Args:
        code: what is wrong.
        where: the place: section and field, or byte offset.
        value: the offending value.
        words: what the rule's text leaves open.
    """
    return ReadingsMalformed(code.value, where, value, RULES[code].format(**words))
