CREATE TABLE job_attempts (
    job_id     UUID NOT NULL,
    number     INT NOT NULL,
    worker_id  VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NULL,
    started_at DATETIME(6) NOT NULL,
    ended_at   DATETIME(6) NOT NULL,
    outcome    VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    error      VARCHAR(2000) NULL,
    host       VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin
               GENERATED ALWAYS AS (SUBSTRING_INDEX(worker_id, ':', 1)) VIRTUAL,
    PRIMARY KEY (job_id, number),
    CONSTRAINT fk_attempts_job FOREIGN KEY (job_id) REFERENCES background_jobs (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
