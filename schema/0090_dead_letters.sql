CREATE TABLE dead_letters (
    job_id          UUID NOT NULL,
    live_id         UUID NULL,
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    cause           VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at      DATETIME(6) NOT NULL,
    died_at         DATETIME(6) NOT NULL,
    PRIMARY KEY (job_id),
    KEY ix_dead_live (live_id),
    KEY ix_dead_created (organization_id, created_at, job_id),
    KEY ix_dead_type (organization_id, job_type, created_at, job_id),
    KEY ix_dead_cause (organization_id, cause, created_at, job_id),
    KEY ix_dead_type_cause (organization_id, job_type, cause, created_at, job_id),
    CONSTRAINT fk_dead_job FOREIGN KEY (live_id) REFERENCES background_jobs (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
