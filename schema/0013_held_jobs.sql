CREATE TABLE held_jobs (
    job_id          UUID NOT NULL,
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    priority        TINYINT NOT NULL,
    reason          ENUM('paused','limit') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    released        TINYINT(1) NOT NULL DEFAULT 0,
    held_at         DATETIME(6) NOT NULL,
    PRIMARY KEY (job_id),
    KEY ix_held_group (released, organization_id, job_type, priority, job_id),
    CONSTRAINT fk_held_job FOREIGN KEY (job_id) REFERENCES background_jobs (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
