"""plait: an event-sourced agent runtime with CRDT state.

Import from plait.protocol, plait.storage and plait.runtime; nothing is imported here.
"""
