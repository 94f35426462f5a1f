"""The journal's frames, the Merkle log and its proofs; entries are opaque bytes."""
