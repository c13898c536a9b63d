-- Histories in PostgreSQL, schema 1. Everything lies in the schema `stagegate`, apart from what a host keeps.
--
-- Texts are compared by their code points, whatever the database prefers. What is hashed is kept as bytes. There are no
-- sequences: every key is made of what the rows are about. Rows that belong to an agreement are written by the very
-- statement that writes the agreement, so no foreign key looks for it again on each move; `verify` finds strays.

CREATE TABLE stagegate.schema_version (
    version    integer     NOT NULL PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now(),
    store      uuid        NOT NULL DEFAULT gen_random_uuid()
);

CREATE TABLE stagegate.agreement (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    n          integer          NOT NULL CHECK (n >= 1),
    version    integer          NOT NULL CHECK (version BETWEEN 1 AND n),
    head       bytea            NOT NULL CHECK (length(head) = 32),
    process    text COLLATE "C" NOT NULL,
    stage      text COLLATE "C" NOT NULL,
    owner      text COLLATE "C" NOT NULL,
    outcome    text COLLATE "C",
    on_hold    boolean          NOT NULL,
    changed_at text COLLATE "C" NOT NULL,
    searchable text COLLATE "C" NOT NULL,
    wakes_at   text COLLATE "C",
    overdue    boolean          NOT NULL,
    snapshot   bytea            NOT NULL
);

CREATE INDEX agreement_by_stage   ON stagegate.agreement (stage, id);
CREATE INDEX agreement_by_process ON stagegate.agreement (process, id);
CREATE INDEX agreement_by_outcome ON stagegate.agreement (outcome, id) WHERE outcome IS NOT NULL;
CREATE INDEX agreement_by_change  ON stagegate.agreement (changed_at);
CREATE INDEX agreement_by_waking  ON stagegate.agreement (wakes_at, id) WHERE wakes_at IS NOT NULL;
CREATE INDEX agreement_overdue    ON stagegate.agreement (id) WHERE overdue;
CREATE INDEX agreement_on_hold    ON stagegate.agreement (id) WHERE on_hold;

CREATE TABLE stagegate.event (
    agreement text COLLATE "C" NOT NULL,
    n         integer          NOT NULL CHECK (n >= 1),
    body      bytea            NOT NULL,
    hash      bytea            NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (agreement, n)
);

-- The processes that agreements were started under or migrated to, in canonical form.
CREATE TABLE stagegate.definition (
    digest  text COLLATE "C" NOT NULL PRIMARY KEY,
    process text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    body    bytea            NOT NULL
);

CREATE FUNCTION stagegate.never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is kept in stagegate.% is never changed', TG_TABLE_NAME USING ERRCODE = '55000';
END $$;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE OR DELETE ON stagegate.event
    FOR EACH ROW EXECUTE FUNCTION stagegate.never();
CREATE TRIGGER event_is_never_emptied BEFORE TRUNCATE ON stagegate.event
    FOR EACH STATEMENT EXECUTE FUNCTION stagegate.never();
CREATE TRIGGER definition_is_never_changed BEFORE UPDATE OR DELETE ON stagegate.definition
    FOR EACH ROW EXECUTE FUNCTION stagegate.never();
CREATE TRIGGER definition_is_never_emptied BEFORE TRUNCATE ON stagegate.definition
    FOR EACH STATEMENT EXECUTE FUNCTION stagegate.never();

-- Whose turn it is, who takes part, of which whole it is a part: what a listing can be asked for beside the columns of
-- the agreement.
CREATE TABLE stagegate.member (
    kind      text COLLATE "C" NOT NULL CHECK (kind IN ('owner', 'party', 'whole')),
    value     text COLLATE "C" NOT NULL,
    agreement text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, value, agreement)
);

CREATE INDEX member_by_agreement ON stagegate.member (agreement);

CREATE TABLE stagegate.request (
    id          text COLLATE "C" NOT NULL PRIMARY KEY,
    agreement   text COLLATE "C" NOT NULL,
    n           integer          NOT NULL,
    fingerprint text COLLATE "C" NOT NULL
);

CREATE INDEX request_by_agreement ON stagegate.request (agreement);

CREATE TABLE stagegate.outbox (
    agreement    text COLLATE "C" NOT NULL,
    n            integer          NOT NULL,
    id           text COLLATE "C" NOT NULL,
    payload      bytea            NOT NULL,
    status       text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
    tries        integer          NOT NULL CHECK (tries >= 0),
    due_at       text COLLATE "C" NOT NULL,
    leased_until text COLLATE "C",
    error        text COLLATE "C" NOT NULL,
    expires_at   text COLLATE "C",
    recipient    text COLLATE "C" NOT NULL,
    seal         bytea            NOT NULL,
    PRIMARY KEY (agreement, n, id)
);

CREATE INDEX outbox_due  ON stagegate.outbox (due_at, agreement, n, id) WHERE status = 'pending';
CREATE INDEX outbox_dead ON stagegate.outbox (due_at, agreement, n, id) WHERE status = 'dead';

-- What is not to be delivered until somebody releases it: everything (*), or one recipient. A recipient may be longer
-- than a key can be, so its digest is the key.
CREATE TABLE stagegate.hold (
    digest text COLLATE "C" NOT NULL PRIMARY KEY,
    scope  text COLLATE "C" NOT NULL,
    why    text COLLATE "C" NOT NULL
);

-- How the number of agreements of each sort has changed: rows are added by moves, and added up later. The sum over a
-- sort is how many there are.
CREATE TABLE stagegate.delta (
    agreement text COLLATE "C" NOT NULL,
    n         integer          NOT NULL,
    number    integer          NOT NULL,
    stage     text COLLATE "C" NOT NULL,
    process   text COLLATE "C" NOT NULL,
    owner     text COLLATE "C" NOT NULL,
    outcome   text COLLATE "C" NOT NULL,
    on_hold   boolean          NOT NULL,
    PRIMARY KEY (agreement, n, number)
);
