-- What the first version left: made by its migrations, filled with an invented twin.
BEGIN TRANSACTION;
CREATE TABLE api_keys (
	id TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	label TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	per_minute INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (digest)
);
CREATE TABLE keys_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT keys_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "keys_version" VALUES('0001');
CREATE TABLE records_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT records_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "records_version" VALUES('0001');
CREATE TABLE runs (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	stage TEXT, 
	error TEXT, 
	options JSON NOT NULL, 
	figures JSON NOT NULL
);
INSERT INTO "runs" VALUES(1,'r1','t1','queued','2026-01-02 12:00:00.000000','2026-01-02 12:00:00.000000','publish',NULL,'{}','{"loss_twin": 2.5}');
INSERT INTO "runs" VALUES(2,'r1','t1','running','2026-01-02 12:00:00.000000','2026-01-02 12:00:00.000000','publish',NULL,'{}','{"loss_twin": 2.5}');
INSERT INTO "runs" VALUES(3,'r1','t1','done','2026-01-02 12:00:00.000000','2026-01-02 12:00:00.000000','publish',NULL,'{}','{"loss_twin": 2.5}');
CREATE TABLE twins (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	name TEXT NOT NULL, 
	speakers JSON NOT NULL, 
	base TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	run_id TEXT, 
	options JSON NOT NULL
);
INSERT INTO "twins" VALUES(1,'t1','local','mira','["Mira Holt"]','gemma3-270m','2026-01-02 12:00:00.000000','r1','{}');
CREATE TABLE users (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	email TEXT NOT NULL, 
	created_at DATETIME NOT NULL
);
INSERT INTO "users" VALUES(1,'local','mira@example.org','2026-01-02 12:00:00.000000');
CREATE TABLE web_accounts (
	id TEXT NOT NULL, 
	email TEXT NOT NULL, 
	password TEXT NOT NULL, 
	session TEXT NOT NULL, 
	admin BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (email)
);
INSERT INTO "web_accounts" VALUES('local','mira@example.org','$argon2id$v=19$m=65536,t=3,p=4$aaaaaaaaaaaaaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','word',1,'2026-01-02 12:00:00.000000');
CREATE TABLE web_blind_tests (
	token TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	items JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (token)
);
CREATE TABLE web_conversations (
	id TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	title TEXT NOT NULL, 
	leaf TEXT, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "web_conversations" VALUES('c1','t1','local','the kettle','m2','2026-01-02 12:00:00.000000','2026-01-02 12:00:00.000000');
CREATE TABLE web_corrections (
	message_id TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	turns JSON NOT NULL, 
	text TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	used_at DATETIME, 
	PRIMARY KEY (message_id)
);
CREATE TABLE web_messages (
	id TEXT NOT NULL, 
	conversation_id TEXT NOT NULL, 
	parent TEXT, 
	role TEXT NOT NULL, 
	text TEXT NOT NULL, 
	remembered JSON NOT NULL, 
	rating INTEGER NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "web_messages" VALUES('m1','c1',NULL,'person','is the kettle on','[]',0,'2026-01-02 12:00:00.000000');
INSERT INTO "web_messages" VALUES('m2','c1','m1','twin','always','[]',1,'2026-01-02 12:00:00.000000');
CREATE TABLE web_picks (
	"row" INTEGER NOT NULL, 
	token TEXT NOT NULL, 
	item INTEGER NOT NULL, 
	fooled BOOLEAN NOT NULL, 
	PRIMARY KEY ("row")
);
CREATE TABLE web_shares (
	token TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	replies INTEGER NOT NULL, 
	used INTEGER NOT NULL, 
	PRIMARY KEY (token)
);
CREATE TABLE web_uploads (
	id TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	files JSON NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	survey JSON, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE web_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT web_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "web_version" VALUES('0001');
CREATE TABLE web_waiting (
	run_id TEXT NOT NULL, 
	twin_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	language TEXT NOT NULL, 
	UNIQUE (run_id, account_id)
);
CREATE INDEX ix_users_id ON users (id);
CREATE INDEX ix_twins_owner ON twins (owner);
CREATE INDEX ix_twins_id ON twins (id);
CREATE INDEX ix_runs_id ON runs (id);
CREATE INDEX ix_runs_twin_id ON runs (twin_id);
CREATE INDEX ix_web_uploads_twin_id ON web_uploads (twin_id);
CREATE INDEX ix_web_conversations_owner ON web_conversations (owner);
CREATE INDEX ix_web_conversations_twin_id ON web_conversations (twin_id);
CREATE INDEX ix_web_messages_conversation_id ON web_messages (conversation_id);
CREATE INDEX ix_web_corrections_twin_id ON web_corrections (twin_id);
CREATE INDEX ix_web_shares_twin_id ON web_shares (twin_id);
CREATE INDEX ix_web_blind_tests_twin_id ON web_blind_tests (twin_id);
CREATE INDEX ix_web_picks_token ON web_picks (token);
CREATE INDEX ix_web_waiting_run_id ON web_waiting (run_id);
CREATE INDEX ix_web_waiting_twin_id ON web_waiting (twin_id);
CREATE INDEX ix_api_keys_twin_id ON api_keys (twin_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('users',1);
INSERT INTO "sqlite_sequence" VALUES('runs',3);
INSERT INTO "sqlite_sequence" VALUES('twins',1);
COMMIT;
