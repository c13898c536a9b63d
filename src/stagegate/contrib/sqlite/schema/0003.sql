-- Schema 3: deliveries that end by themselves, and that are held, all or those to one recipient.
-- recipient_of and resealed are functions of the store: it alone knows what a payload says and how a row is sealed.

DROP INDEX outbox_due;
ALTER TABLE outbox RENAME TO outbox_2;

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
    expires_at   TEXT,
    recipient    TEXT    NOT NULL,
    seal         BLOB    NOT NULL,
    PRIMARY KEY (agreement, n, id)
) STRICT, WITHOUT ROWID;

INSERT INTO outbox (agreement, n, id, payload, status, tries, due_at, leased_until, error, expires_at, recipient, seal)
SELECT agreement, n, id, payload, status, tries, due_at, leased_until, error, NULL, recipient_of(payload),
       resealed(agreement, n, id, payload, status, tries, due_at, leased_until, error, seal)
FROM outbox_2;

DROP TABLE outbox_2;

CREATE INDEX outbox_due ON outbox (due_at) WHERE status = 'pending';

-- What is not to be delivered until somebody releases it: everything (*), or one recipient.
CREATE TABLE hold (
    scope TEXT NOT NULL PRIMARY KEY,
    why   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
