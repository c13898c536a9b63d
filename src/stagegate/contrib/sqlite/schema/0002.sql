-- The embedded store, schema 2. One file, one writer at a time; histories are clustered by agreement.

CREATE TABLE agreement (
    id             TEXT    NOT NULL PRIMARY KEY,
    n              INTEGER NOT NULL CHECK (n >= 1),
    version        INTEGER NOT NULL CHECK (version BETWEEN 1 AND n),
    head           BLOB    NOT NULL CHECK (length(head) = 32),
    process        TEXT    NOT NULL,
    stage          TEXT    NOT NULL,
    owner          TEXT    NOT NULL,
    outcome        TEXT,
    on_hold        INTEGER NOT NULL CHECK (on_hold IN (0, 1)),
    changed_at     TEXT    NOT NULL,
    searchable     TEXT    NOT NULL,
    wakes_at       TEXT,
    overdue        INTEGER NOT NULL CHECK (overdue IN (0, 1)),
    snapshot       BLOB    NOT NULL
) STRICT;

CREATE INDEX agreement_by_stage   ON agreement (stage, id);
CREATE INDEX agreement_by_process ON agreement (process, id);
CREATE INDEX agreement_by_outcome ON agreement (outcome, id);
CREATE INDEX agreement_by_change  ON agreement (changed_at);
CREATE INDEX agreement_by_waking  ON agreement (wakes_at, id) WHERE wakes_at IS NOT NULL;
CREATE INDEX agreement_overdue    ON agreement (id) WHERE overdue = 1;
CREATE INDEX agreement_on_hold    ON agreement (id) WHERE on_hold = 1;

CREATE TABLE event (
    agreement TEXT    NOT NULL REFERENCES agreement (id),
    n         INTEGER NOT NULL CHECK (n >= 1),
    body      BLOB    NOT NULL,
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (agreement, n)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE (ABORT, 'a history is never changed'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE (ABORT, 'a history is never changed'); END;

-- The processes that agreements were started under or migrated to, in canonical form.
CREATE TABLE definition (
    digest  TEXT NOT NULL PRIMARY KEY,
    process TEXT NOT NULL,
    version TEXT NOT NULL,
    body    BLOB NOT NULL
) STRICT;

CREATE TRIGGER definition_is_never_changed BEFORE UPDATE ON definition
BEGIN SELECT RAISE (ABORT, 'a definition is never changed'); END;

CREATE TRIGGER definition_is_never_deleted BEFORE DELETE ON definition
BEGIN SELECT RAISE (ABORT, 'a definition is never changed'); END;

-- Whose turn it is, who takes part, of which whole it is a part: what a listing can be asked for beside the columns of the agreement.
CREATE TABLE member (
    kind      TEXT NOT NULL CHECK (kind IN ('owner', 'party', 'whole')),
    value     TEXT NOT NULL,
    agreement TEXT NOT NULL REFERENCES agreement (id),
    PRIMARY KEY (kind, value, agreement)
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
    id          TEXT    NOT NULL PRIMARY KEY,
    agreement   TEXT    NOT NULL REFERENCES agreement (id),
    n           INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX request_by_agreement ON request (agreement);

CREATE TABLE outbox (
    agreement    TEXT    NOT NULL REFERENCES agreement (id),
    n            INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    payload      BLOB    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    tries        INTEGER NOT NULL CHECK (tries >= 0),
    due_at       TEXT    NOT NULL,
    leased_until TEXT,
    error        TEXT    NOT NULL,
    seal         BLOB    NOT NULL,
    PRIMARY KEY (agreement, n, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_due ON outbox (due_at) WHERE status = 'pending';

-- How many agreements there are of each sort, so that counting does not grow with the table.
CREATE TABLE counter (
    stage   TEXT    NOT NULL,
    process TEXT    NOT NULL,
    owner   TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    on_hold INTEGER NOT NULL,
    number  INTEGER NOT NULL CHECK (number >= 0),
    PRIMARY KEY (stage, process, owner, outcome, on_hold)
) STRICT, WITHOUT ROWID;
