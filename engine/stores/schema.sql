CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE events (
	position INTEGER NOT NULL, 
	tenant TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	type TEXT NOT NULL, 
	schema INTEGER NOT NULL, 
	payload TEXT NOT NULL, 
	digest BLOB NOT NULL, 
	causation TEXT, 
	correlation TEXT NOT NULL, 
	actor TEXT NOT NULL, 
	recorded_at INTEGER NOT NULL, 
	hash BLOB NOT NULL, 
	PRIMARY KEY (position), 
	CONSTRAINT uq_events_stream_version UNIQUE (tenant, stream, version)
);

CREATE TABLE log_head (
	id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	hash BLOB NOT NULL, 
	recorded_at INTEGER NOT NULL, 
	PRIMARY KEY (id)
);

CREATE TABLE artifacts (
	digest TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	encoding TEXT NOT NULL, 
	stored BLOB NOT NULL, 
	recorded_at INTEGER NOT NULL, 
	PRIMARY KEY (digest)
);

CREATE TABLE idempotency (
	tenant TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	first INTEGER NOT NULL, 
	last INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY (tenant, "key")
);

CREATE TABLE leases (
	name TEXT NOT NULL, 
	token INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started TEXT NOT NULL, 
	expires_at INTEGER NOT NULL, 
	PRIMARY KEY (name)
);

CREATE TABLE projections (
	name TEXT NOT NULL, 
	generation INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	live BOOLEAN NOT NULL, 
	state BLOB, 
	PRIMARY KEY (name, generation)
);

CREATE TABLE read_rows (
	projection TEXT NOT NULL, 
	generation INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	stream TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	tag TEXT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (projection, generation, "key")
);

CREATE INDEX ix_read_rows_position ON read_rows (projection, generation, position);

CREATE INDEX ix_read_rows_tag ON read_rows (projection, generation, tag, position);

CREATE TABLE snapshots (
	projection TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	state BLOB NOT NULL, 
	PRIMARY KEY (projection, version, position)
);

CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

INSERT INTO alembic_version VALUES ('0001');

PRAGMA application_id = 1297760590;

