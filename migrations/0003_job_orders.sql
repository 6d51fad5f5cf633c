-- What jobs are listed by. Each index has what a list filters by as well, so that rows are read of the page alone.

ALTER TABLE jobs ADD COLUMN least_loss REAL; -- the least of its runs, kept by the trigger below
UPDATE jobs SET least_loss = (SELECT min(best_loss) FROM runs WHERE job = jobs.id);
CREATE TRIGGER runs_best_loss AFTER UPDATE OF best_loss ON runs WHEN old.best_loss IS NOT new.best_loss BEGIN
    UPDATE jobs SET least_loss = (SELECT min(best_loss) FROM runs WHERE job = new.job) WHERE id = new.job;
END;

DROP INDEX jobs_status;
CREATE INDEX jobs_status ON jobs (status, id, name);
CREATE INDEX jobs_name ON jobs (name COLLATE NOCASE, id, name, status);
CREATE INDEX jobs_least_loss ON jobs (least_loss, id, name, status);
