CREATE TABLE job_logs (
    job_id    UUID NOT NULL,
    attempt   INT NOT NULL,
    number    INT NOT NULL,
    logged_at DATETIME(6) NOT NULL,
    level     VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    message   VARCHAR(1024) NOT NULL,
    PRIMARY KEY (job_id, attempt, number),
    CONSTRAINT fk_logs_job FOREIGN KEY (job_id) REFERENCES background_jobs (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
