-- Celery's result backend in the metadata database, for a role that sees nothing else.
-- The tables are Celery's own; it finds them there and makes none.

CREATE SEQUENCE IF NOT EXISTS task_id_sequence;
CREATE SEQUENCE IF NOT EXISTS taskset_id_sequence;

CREATE TABLE IF NOT EXISTS celery_taskmeta (
    id integer PRIMARY KEY DEFAULT nextval('task_id_sequence'),
    task_id varchar(155) UNIQUE,
    status varchar(50),
    result bytea,
    date_done timestamp,
    traceback text,
    children bytea
);
CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_date_done ON celery_taskmeta (date_done);

CREATE TABLE IF NOT EXISTS celery_tasksetmeta (
    id integer PRIMARY KEY DEFAULT nextval('taskset_id_sequence'),
    taskset_id varchar(155) UNIQUE,
    result bytea,
    date_done timestamp
);
CREATE INDEX IF NOT EXISTS ix_celery_tasksetmeta_date_done ON celery_tasksetmeta (date_done);

CREATE ROLE results LOGIN PASSWORD 'results';  -- change it, here and in the workers' settings
REVOKE ALL ON SCHEMA public FROM results;
GRANT USAGE ON SCHEMA public TO results;
GRANT SELECT, INSERT, UPDATE ON celery_taskmeta, celery_tasksetmeta TO results;
GRANT USAGE ON SEQUENCE task_id_sequence, taskset_id_sequence TO results;
