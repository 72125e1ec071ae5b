CREATE TABLE job_limits (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    max_running     INT NULL,
    max_per_minute  INT NULL,
    tat_us          BIGINT NOT NULL DEFAULT 0,
    updated_by      VARCHAR(128) NULL,
    updated_at      DATETIME(6) NOT NULL,
    PRIMARY KEY (organization_id, job_type)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
