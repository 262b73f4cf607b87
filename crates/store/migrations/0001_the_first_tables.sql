-- Times are microseconds of Unix time. Records are JSON: what is searched for stands in columns beside them.

-- Users whom `baton user` manages. Passwords as HA1 alone.
CREATE TABLE users (
    name         TEXT    NOT NULL PRIMARY KEY,
    display_name TEXT    NOT NULL,
    extension    TEXT    NOT NULL,
    queues       TEXT    NOT NULL,
    supervisor   INTEGER NOT NULL,
    max_calls    INTEGER NOT NULL,
    ha1_sha256   TEXT    NOT NULL,
    ha1_md5      TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_by_extension ON users (extension) WHERE extension <> '';

-- All phones of an agent, as they were last.
CREATE TABLE registrations (
    agent    TEXT NOT NULL PRIMARY KEY,
    contacts TEXT NOT NULL
) STRICT;

-- What an agent said last.
CREATE TABLE availabilities (
    agent        TEXT    NOT NULL PRIMARY KEY,
    availability TEXT    NOT NULL,
    at           INTEGER NOT NULL
) STRICT;

-- Ids up to these are taken. One row.
CREATE TABLE reserved (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 0),
    last_call  INTEGER NOT NULL,
    last_event INTEGER NOT NULL
) STRICT;

-- Calls that are over.
CREATE TABLE calls (
    call       INTEGER NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    record     TEXT    NOT NULL
) STRICT;
CREATE INDEX calls_by_time ON calls (started_at, call);

-- By what a call is found: 0 an agent in it, 1 a number or name in it, 2 a queue it waited in.
CREATE TABLE call_keys (
    kind       INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    call       INTEGER NOT NULL,
    PRIMARY KEY (kind, key, started_at, call)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_keys_by_call ON call_keys (call);

-- Who could hear whom in a call.
CREATE TABLE audibilities (
    call    INTEGER NOT NULL PRIMARY KEY,
    history TEXT    NOT NULL
) STRICT;

-- Up to which number the writes that went through a spool are in this database: in the transaction that wrote them.
CREATE TABLE applied (
    spool  TEXT    NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;
