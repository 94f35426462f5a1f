"""OCMF: what verifies in which spelling, what a reading is worth, and what is refused by which code."""

import base64

import pytest

from wattmark.core.errors import Refused
from wattmark.crypto.ecdsa import CURVES
from wattmark.metering.errors import Equivocation, SignerRefused
from wattmark.metering.formats.ocmf import read_ocmf
from wattmark.metering.formats.ocmf_container import read_container
from wattmark.metering.formats.ocmf_paging import next_page
from wattmark.metering.formats.ocmf_readings import Clock, Quantity, quantity_of, register_of, time_of
from wattmark.metering.formats.ocmf_signature import read_key
from wattmark.metering.labels import Label
from wattmark.testing.ocmf import FISCAL, OcmfSigner

SIGNER = OcmfSigner()
OPENSSL = [name for name, curve in CURVES.items() if curve.group is not None]


def code_of(payload: str) -> str:
    """The code with which a rightly signed payload is refused."""
    with pytest.raises(Refused) as caught:
        read_ocmf(SIGNER.record(payload), SIGNER.key)
    return caught.value.code


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("form", ["der", "unsigned", "raw"])
@pytest.mark.parametrize("curve", OPENSSL)
def test_every_curve_in_every_spelling(curve: str, form: str, encoding: str) -> None:
    signer = OcmfSigner(curve)
    record = read_ocmf(signer.record(form=form, encoding=encoding), signer.key)
    assert [reading.register_wh for reading in record.readings] == [123_456, 123_956]
    assert record.payload == FISCAL.encode()


@pytest.mark.parametrize("curve", OPENSSL)
def test_a_key_in_every_spelling(curve: str) -> None:
    signer = OcmfSigner(curve)
    spaced = " ".join(signer.info.hex()[at : at + 4] for at in range(0, 2 * len(signer.info), 4))
    for text in (signer.info.hex(), signer.info.hex().upper(), f"\n {spaced} ", base64.b64encode(signer.info).decode()):
        assert read_key(text) == read_key(text, CURVES[curve]) == signer.key
    for data in (signer.point, signer.point[1:]):
        assert read_key(data.hex(), CURVES[curve]) == signer.key
        with pytest.raises(Refused, match="KEY_UNREADABLE"):
            read_key(data.hex())


@pytest.mark.parametrize("text", ["", "  ", "zz", "00", "04" + "00" * 64, "ff" * 64, "00" * 5_000])
def test_no_key(text: str) -> None:
    with pytest.raises(Refused, match=r"KEY_MISSING|KEY_UNREADABLE"):
        read_key(text, CURVES["secp256r1"])


def test_a_key_of_another_curve() -> None:
    other = OcmfSigner("secp256k1")
    for key in (other.key, other.info.hex()):
        with pytest.raises(Refused, match="KEY_OF_ANOTHER_CURVE"):
            read_ocmf(SIGNER.record(), key)


def test_another_key_of_the_same_curve() -> None:
    with pytest.raises(SignerRefused, match="SIGNATURE_INVALID"):
        read_ocmf(SIGNER.record(), OcmfSigner(secret=5).key)


def test_the_fiscal_record() -> None:
    record = read_ocmf(b"\n" + SIGNER.record() + b"\r\n", SIGNER.key)
    assert (record.counter, record.page, record.meter, record.version) == ("F", 7, "M1", "1.4")
    assert record.vendor == (("WC", "ab" * 32),)
    assert record.minting == record.readings
    first, second = record.readings
    assert (second.time_ms - first.time_ms, second.quantity, second.unit, second.state) == (
        1_800_000,
        Quantity.EXPORT_TOTAL,
        "kWh",
        "G",
    )
    assert first.time_ms == 1_774_969_200_000


@pytest.mark.parametrize(
    ("old", "new", "label"),
    [
        (' S"', ' I"', Label.QUESTIONABLE),
        (' S"', ' U"', Label.QUESTIONABLE),
        (' S"', ' R"', Label.QUESTIONABLE),
        ('"EF":""', '"EF":"E"', Label.QUESTIONABLE),
        ('"EF":""', '"EF":"t"', Label.QUESTIONABLE),
        ('"ST":"G"', '"ST":"S"', Label.ESTIMATED),
        ('"ST":"G"', '"ST":"N"', Label.MISSING),
        *[('"ST":"G"', f'"ST":"{state}"', Label.QUESTIONABLE) for state in "TDRMXIOEF"],
    ],
)
def test_only_good_usable_and_synchronised_is_actual(old: str, new: str, label: Label) -> None:
    """The second reading leaves state and EF out: it inherits them."""
    record = read_ocmf(SIGNER.record(FISCAL.replace(old, new)), SIGNER.key)
    assert [reading.label for reading in record.readings] == [label] * 2
    assert record.minting == ()


def test_per_transaction_values_never_mint() -> None:
    for obis in ("01-00:B2.08.00*FF", "01-00:C3.08.00*FF", "1-0:2.8.0*198", "1-0:2.8.1", "1-b:1.8.e"):
        record = read_ocmf(SIGNER.record(FISCAL.replace("01-00:C0.08.00*FF", obis)), SIGNER.key)
        assert record.readings[0].label is Label.ACTUAL
        assert record.minting == ()


@pytest.mark.parametrize(
    ("obis", "quantity"),
    [
        ("1-0:1.8.0", Quantity.IMPORT_TOTAL),
        ("1-b:1.8.0", Quantity.IMPORT_TOTAL),
        ("01-00:01.08.00.FF", Quantity.IMPORT_TOTAL),
        ("1-0:1.8.0*255", Quantity.IMPORT_TOTAL),
        ("1-0:2.8.0.FF", Quantity.EXPORT_TOTAL),
        ("01-00:B0.08.00*FF", Quantity.IMPORT_TOTAL),
        ("01-00:B1.08.00*FF", Quantity.IMPORT_TOTAL),
        ("01-00:C1.08.00*FF", Quantity.EXPORT_TOTAL),
        ("01-00:B3.08.00*FF", Quantity.IMPORT_TRANSACTION),
        ("01-00:C2.08.00*FF", Quantity.EXPORT_TRANSACTION),
        ("1-0:98.8.0.FF", Quantity.OTHER),
        ("1-b:1.9.0", Quantity.OTHER),
        ("1-0:1.8.1", Quantity.OTHER),
        ("1-0:1.8.0*198", Quantity.OTHER),
        ("01-00:00.08.06.FF", Quantity.OTHER),
        ("01-00:B4.08.00*FF", Quantity.OTHER),
    ],
)
def test_quantities(obis: str, quantity: Quantity) -> None:
    assert quantity_of(obis) is quantity


@pytest.mark.parametrize(
    ("text", "unit", "register_wh"),
    [
        ("0.2596", "kWh", 259),
        ("       9.038", "kWh", 9_038),
        ("00000000.000", "kWh", 0),
        ("62500.2031", "kWh", 62_500_203),
        ("1833", "Wh", 1_833),
        ("1833.999", "Wh", 1_833),
        ("4.3", "kWh", 4_300),
        ("9007199254740.991", "kWh", 2**53 - 1),
    ],
)
def test_registers_are_floored_exactly(text: str, unit: str, register_wh: int) -> None:
    assert register_of(text, unit, "RV") == register_wh


@pytest.mark.parametrize("text", ["", "-1", "+1", "1e3", "1,5", ".5", "1.", "NaN", "0x1", "１", "9007199254740.992"])
def test_what_is_no_register(text: str) -> None:
    with pytest.raises(Refused, match="VALUE_"):
        register_of(text, "kWh", "RV")


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-01T24:00:00,000+0900 S",
        "2026-02-30T00:00:00,000+0900 S",
        "2026-04-01T00:00:00.000+0900 S",
        "2026-04-01T00:00:00,000+0900",
        "2026-04-01T00:00:00,000+0900 Q",
        "2026-04-01T00:00:00,000+0960 S",
        "2026-04-01T00:00:00,000+2500 S",
        "2026-04-01 00:00:00,000+0900 S",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Refused, match="TIME_UNREADABLE"):
        time_of(text, "TM")


def test_a_time() -> None:
    assert time_of("1970-01-01T09:00:00,001+0900 R", "TM") == (1, Clock.RELATIVE)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"FV":"1.4"', '"FV":"2.0"', "CODE_UNKNOWN"),
        ('"FV":"1.4",', "", "CODE_UNKNOWN"),
        ('"PG":"F7"', '"PG":"Q7"', "FIELD_INVALID"),
        ('"PG":"F7"', '"PG":7', "FIELD_INVALID"),
        ('"GS":"G1",', "", ""),
        ('"MS":"M1"', '"MS":1', "METER_INVALID"),
        ('"MS":"M1"', '"MS":"\\ud800"', "METER_INVALID"),
        ('"GI":', '"GI":"x","GI":', "NOT_JSON"),
        ('"GI":', '"AA":1,"GI":', "FIELD_UNKNOWN"),
        ('"GI":', '"XX":NaN,"GI":', "NOT_JSON"),
        ('"GI":', f'"XX":{"[" * 40}{"]" * 40},"GI":', "NOT_JSON"),
        ('"RU":"kWh"', '"RU":"MWh"', "UNIT_UNKNOWN"),
        ('"RU":"kWh",', "", "FIELD_MISSING"),
        ('"ST":"G"', '"ST":"Z"', "CODE_UNKNOWN"),
        ('"ST":"G"', '"ST":"G","TX":"Q"', "CODE_UNKNOWN"),
        ('"ST":"G"', '"ST":"G","RT":"XC"', "CODE_UNKNOWN"),
        ('"EF":""', '"EF":"q"', "CODE_UNKNOWN"),
        ('"EF":""', '"EF":1', "FIELD_INVALID"),
        ('"ST":"G"', '"ST":"G","AB":1', "FIELD_UNKNOWN"),
        (',"RV":123.9567', "", "FIELD_MISSING"),
        ('"RV":123.9567', '"RV":true', "FIELD_INVALID"),
        ('"RV":123.9567', '"RV":-123.9567', "VALUE_UNREADABLE"),
        ('"RV":123.9567', '"RV":1.23e2', "VALUE_UNREADABLE"),
        ("01-00:C0.08.00*FF", "C0", "OBIS_INVALID"),
        ("+0900 S", "+0900", "TIME_UNREADABLE"),
    ],
)
def test_what_a_signature_does_not_excuse(old: str, new: str, code: str) -> None:
    assert old in FISCAL
    payload = FISCAL.replace(old, new)
    if not code:
        assert read_ocmf(SIGNER.record(payload), SIGNER.key).meter == "M1"
        return
    assert code_of(payload) == code


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"OCMF|", b"ocmf|", "NOT_OCMF"),
        (b'"}', b'"}|', "NOT_OCMF"),
        (b'"GS":"G1"', b'"GS":"G|"', "NOT_OCMF"),
        (b"|{", b"", "NOT_OCMF"),
        (b"OCMF", b" " * 70_000 + b"OCMF", "RECORD_TOO_LONG"),
        (b"123.4567", b"923.4567", "SIGNATURE_INVALID"),
        (b'"FV":"1.4"', b'"FV": "1.4"', "SIGNATURE_INVALID"),
        (b"SHA256", b"SHA512", "CODE_UNKNOWN"),
        (b'"SD"', b'"SE":"utf","SD"', "CODE_UNKNOWN"),
        (b'"SD"', b'"SM":"text/plain","SD"', "CODE_UNKNOWN"),
        (b'"SD"', b'"ZZ":"x","SD"', "FIELD_UNKNOWN"),
        (b'"SD"', b'"SA"', "NOT_JSON"),
        (b'"SD"', b'"SM":"application/x-der","SE"', "CODE_UNKNOWN"),
        (b'"SD":"', b'"SD":1,"SM":"', "FIELD_INVALID"),
        (b'"SD":"', b'"SD":"00', "SIGNATURE_UNREADABLE"),
        (b'"SD":"', b'"SD":"0', "SIGNATURE_UNREADABLE"),
        (b'"}', b'"', "NOT_JSON"),
        (b'{"SA"', b'[],{"SA"', "NOT_JSON"),
    ],
)
def test_what_is_refused_unread(old: bytes, new: bytes, code: str) -> None:
    record = SIGNER.record()
    assert old in record
    with pytest.raises(Refused) as caught:
        read_ocmf(record.replace(old, new), SIGNER.key)
    assert caught.value.code == code


def test_paging() -> None:
    def record(page: str, start: str = "123.4567"):
        return read_ocmf(SIGNER.record(FISCAL.replace("F7", page).replace("123.4567", start)), SIGNER.key)

    page = next_page(None, record("F7"))
    assert next_page(page, record("F8")).number == 8
    for late in ("F7", "F6"):
        with pytest.raises(Refused, match="REPLAYED"):
            next_page(page, record(late))
    with pytest.raises(Refused, match="SEQUENCE_GAP"):
        next_page(page, record("F9"))
    with pytest.raises(Equivocation):
        next_page(page, record("F7", "123.4568"))


# ------------------------------------------------------------------ containers


def container(inside: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?>{head}<values><value context="End">{inside}</value></values>'.encode()


def test_a_container() -> None:
    text = SIGNER.record().decode()
    inside = f"<signedData>\n{text}\n</signedData><publicKey encoding='hex'> {SIGNER.info.hex()} </publicKey>"
    (value,) = read_container(b"\xef\xbb\xbf" + container(inside))
    assert (value.line, value.format, value.context) == (1, "OCMF", "End")
    assert read_ocmf(value.data, value.key_text).page == 7


def test_xml_escapes_are_undone_before_the_signature_is_checked() -> None:
    payload = FISCAL.replace('"M1"', '"M<1>&"')
    text = SIGNER.record(payload).decode().replace("&", "&amp;").replace("<", "&lt;")
    (value,) = read_container(container(f"<signedData>{text}</signedData>"))
    assert read_ocmf(value.data, SIGNER.key).meter == "M<1>&"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"OCMF|{}|{}",
        container("<signedData>"),
        container("&unknown;"),
        container("", "<!DOCTYPE values>"),
        container("&a;", '<!DOCTYPE v [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>'),
        container("&a;", '<!DOCTYPE v SYSTEM "file:///etc/passwd">'),
        container("<value></value>"),
        container("<signedData>a</signedData><signedData>b</signedData>"),
        container("<signedData>a<publicKey>b</publicKey></signedData>"),
        container("<a>" * 20 + "</a>" * 20),
        '<?xml version="1.0" encoding="utf-16"?><values/>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?><values/>',
        b'<?xml version="1.0" encoding="shift_jis"?><values/>',
        container("") + b"<more/>",
    ],
)
def test_what_is_no_container(data: bytes) -> None:
    with pytest.raises(Refused, match="NOT_XML") as caught:
        read_container(data)
    assert caught.value.field.startswith("line ")


def test_a_container_with_too_many_values() -> None:
    values = b"<value/>" * 10_000
    assert len(read_container(b"<values>" + values + b"</values>")) == 10_000
    with pytest.raises(Refused, match=r"NOT_XML"):
        read_container(b"<values>" + values + b"<value/></values>")


def test_a_container_too_large() -> None:
    with pytest.raises(Refused, match="RECORD_TOO_LONG"):
        read_container(b" " * (5 << 20))
