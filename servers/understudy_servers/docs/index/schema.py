"""The tables of the index. SQLite is the truth; vectors in Chroma are derived from here and may be thrown away.

The chunks of a version have consecutive ids from `first` on, so that a full-text query can be bounded to a version by a
range of rows, and costs what that version costs and not what the whole index does.
"""

VERSION = 1

SCHEMA = """
CREATE TABLE library (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    summary TEXT NOT NULL,
    repository TEXT NOT NULL,
    aliases TEXT NOT NULL
);
CREATE TABLE version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    library INTEGER NOT NULL REFERENCES library ON DELETE CASCADE,
    number TEXT NOT NULL,
    origin TEXT NOT NULL,
    source TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    digest TEXT NOT NULL,
    first INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    notes TEXT NOT NULL,
    indexed REAL NOT NULL,
    UNIQUE (library, number)
);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL REFERENCES version ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    page TEXT NOT NULL,
    parent TEXT NOT NULL,
    demoted INTEGER NOT NULL,
    flag TEXT NOT NULL,
    hash BLOB NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX chunk_by_version ON chunk (version, position);
CREATE INDEX chunk_by_hash ON chunk (hash);
CREATE TABLE symbol (
    version INTEGER NOT NULL REFERENCES version ON DELETE CASCADE,
    leaf TEXT NOT NULL,
    name TEXT NOT NULL,
    chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    bases TEXT NOT NULL
);
CREATE INDEX symbol_by_name ON symbol (version, name COLLATE NOCASE);
CREATE INDEX symbol_by_leaf ON symbol (leaf, version);
CREATE INDEX symbol_by_chunk ON symbol (chunk);
CREATE VIRTUAL TABLE words USING fts5 (
    name, parts, headings, path, body, content='', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TABLE vector (
    hash BLOB NOT NULL,
    model TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (hash, model)
) WITHOUT ROWID;
CREATE TABLE embedded (
    version INTEGER NOT NULL REFERENCES version ON DELETE CASCADE,
    model TEXT NOT NULL,
    PRIMARY KEY (version, model)
) WITHOUT ROWID;
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    changed REAL NOT NULL
);
CREATE INDEX job_by_state ON job (state, id);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
