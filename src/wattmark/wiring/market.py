"""Change the market policy of a home: the settings file, and the record of its hash."""

from pathlib import Path

from wattmark.flows.settings import SETTINGS_FILE, settings_bytes
from wattmark.market.policy import MarketPolicy
from wattmark.storage.files.disk import replace_files
from wattmark.wiring.home import settings_record
from wattmark.wiring.platform import Platform


def set_market_policy(home: Path, policy: MarketPolicy, now_ms: int) -> None:
    """Write a market policy into the settings and put the file's new hash on record.

    A crash in between leaves settings without a record, which the audit names; the same call again makes it good.

    Args:
        home: directory of a platform that is not open elsewhere.
        policy: the new policy.
        now_ms: time of the record [ms].

    Raises:
        MalformedInput: no platform there.
        Unavailable: it is open elsewhere, or the disk refuses.
    """
    with Platform.open(home) as platform:
        changed = platform.settings.with_changes(market=policy)
        replace_files(home, [(SETTINGS_FILE, settings_bytes(changed))])
        platform.execute_all(settings_record(home, platform.state.position), max(now_ms, platform.state.now_ms))
