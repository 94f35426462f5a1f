"""Messages of devices at home, of our own making, for tests and fuzzing."""

import json
from typing import Final

NOON_UTC_S: Final = 1_775_012_400
"""2026-04-01 12:00 in Japan."""


def shelly(parts: dict[str, object]) -> bytes:
    """Return a notification of a Shelly of the second generation."""
    params = {"ts": NOON_UTC_S + 0.67, **parts}
    message = {"src": "shellyplus1pm-a8032ab12345", "dst": "x", "method": "NotifyStatus", "params": params}
    return json.dumps(message).encode()


def shelly_status(parts: dict[str, object]) -> bytes:
    """Return the whole state of a Shelly of the second generation."""
    return json.dumps({**parts, "sys": {"mac": "A8032AB12345", "unixtime": NOON_UTC_S}}).encode()


def tasmota(
    total: object, time: str = "2026-04-01T12:00:00", begun: object = "2026-01-01T00:00:00", **more: object
) -> bytes:
    """Return a SENSOR message of Tasmota."""
    energy = {"TotalStartTime": begun, "Power": 5, **more, "Total": total}
    return json.dumps(
        {"Time": time, "ENERGY": {name: value for name, value in energy.items() if value is not None}}
    ).encode()


def home_assistant(state: str, unit: str = "kWh", kind: str = "total_increasing") -> bytes:
    """Return a state of Home Assistant."""
    attributes = {"state_class": kind, "unit_of_measurement": unit, "device_class": "energy"}
    updated = "2026-04-01T03:00:00.123456+00:00"
    message = {"entity_id": "sensor.roof_energy", "state": state, "attributes": attributes, "last_updated": updated}
    return json.dumps(message).encode()
