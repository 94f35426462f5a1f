"""ECHONET Lite: frames of our own with their registers, and the 13 public frames of a real meter, bare and as lines."""

import json
from pathlib import Path

import pytest

from wattmark.metering.formats.echonet import Calibration, EchonetAnswer, calibration, read_answer, registers
from wattmark.metering.formats.echonet_frame import read_echonet, read_erxudp

OWN = json.loads((Path(__file__).parent / "metering" / "echonet.json").read_text())


@pytest.mark.parametrize("case", OWN, ids=lambda case: case["name"])
def test_our_own(case) -> None:
    known = Calibration(case["unit"], case["coefficient"], case["modulus"])
    found = registers(read_answer(read_echonet(bytes.fromhex(case["frame"]))), known)
    assert [one.end_s for one in found] == case["end_s"]
    assert [one.register_wh for one in found] == case["register_wh"]


def said(answer: EchonetAnswer) -> object:
    """The one property of a public frame, in the collection's words."""
    (one,) = answer.frame.properties
    if not one.data:
        assert answer.refused == {one.epc}
        return None
    count = answer.counts[0] if answer.counts else None
    values = {
        0xE0: lambda: {"cumulative_count": count.raw},
        0xEA: lambda: {"timestamp": count.local.isoformat(), "cumulative_count": count.raw},
        0xE2: lambda: {
            "day_offset": count.days_back,
            "cumulative_counts_48": [each.raw for each in answer.counts],
        },
        0xD7: lambda: {"effective_digits": answer.digits},
        0xE1: lambda: {"unit_kwh": str(answer.unit_tenth_wh / 10_000)},
        0xE5: lambda: {"day_offset": one.data[0]},
        0xE7: lambda: {"instant_power_w": answer.power_w[0][1]},
        0xE8: lambda: dict(zip(("current_r_a_x10", "current_t_a_x10"), answer.current_tenth_a, strict=True)),
        0x80: lambda: {"raw": one.data.hex()},
    }
    return values[{0xEB: 0xEA}.get(one.epc, one.epc)]()


def test_the_13_public_frames(shared_data: Path) -> None:
    folder = shared_data / "metering" / "echonet_lite"
    frames = json.loads((folder / "frames_0288_with_expected.json").read_text())["frames"]
    lines = (folder / "erxudp_lines.txt").read_bytes().splitlines(keepends=True)
    assert len(frames) == len(lines) == 13
    answers = []
    for case, line in zip(frames, lines, strict=True):
        frame = read_echonet(bytes.fromhex(case["hex"]))
        assert read_erxudp(line).frame == frame
        expected = case["decoded"]
        assert (frame.transaction, frame.source.hex().upper(), frame.destination.hex().upper()) == (
            expected["tid"],
            expected["seoj"],
            expected["deoj"],
        )
        assert f"{frame.service:02X}" == expected["esv"]
        answers.append(read_answer(frame))
        assert said(answers[-1]) == expected["props"][0]["decoded"]
    known = calibration(answers)
    assert known == Calibration(100, 1, 10**7)
    now = next(one for one in answers if 0xE0 in {each.epc for each in one.frame.properties})
    assert [one.register_wh for one in registers(now, known)] == [15_756_310]
