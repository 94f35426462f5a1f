"""What is asked of other servers over HTTP."""

from wattmark.storage.http.witnesses import HttpWitnesses

__all__ = ["HttpWitnesses"]
