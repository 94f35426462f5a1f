"""Every public file and frame is recognised as what its folder holds."""

import json
from pathlib import Path

from wattmark.metering.formats.p1_frame import split_stream
from wattmark.metering.formats.recognise import Format, recognise


def test_the_public_collection(shared_data: Path) -> None:
    folder = shared_data / "metering"
    lines = (folder / "echonet_lite" / "erxudp_lines.txt").read_bytes().splitlines()
    assert {recognise(line) for line in lines} == {Format.ERXUDP}
    frames = json.loads((folder / "echonet_lite" / "frames_0288_with_expected.json").read_text())["frames"]
    assert {recognise(bytes.fromhex(one["hex"])) for one in frames} == {Format.ECHONET}
    telegrams = [path.read_bytes() for path in (folder / "dsmr_p1").glob("*.txt")]
    assert {recognise(one) for data in telegrams for one in (data, *split_stream(data))} == {Format.P1}
    files = [path for path in (folder / "nem12").glob("Example_NEM1*.csv") if path.stat().st_size]
    assert {recognise(path.read_bytes()) for path in files} == {Format.NEM12}
    assert (len(frames), len(telegrams), len(files)) == (13, 13, 20)
