CREATE TABLE job_minutes (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    minute_at       DATETIME(6) NOT NULL,
    job_type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    completed       INT NOT NULL,
    failed          INT NOT NULL,
    retried         INT NOT NULL,
    cancelled       INT NOT NULL,
    PRIMARY KEY (organization_id, minute_at, job_type),
    KEY ix_minutes_age (minute_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
