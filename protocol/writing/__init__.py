"""Writing: how an agent reads and edits a shared document: by anchors and quoted text, never by whole values.

Everything here is called inside one transaction of a pycrdt document and returns what JSON can say. A `Root` names what
is edited. `text` reads and edits words, of plain texts and of rich ones; `blocks` inserts and removes paragraphs,
headings and list items; `values` reads and sets what maps and arrays hold. The rules are in specs/editing.md.
"""
