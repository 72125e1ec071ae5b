CREATE TABLE pauses (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason          VARCHAR(200) NULL,
    created_by      VARCHAR(128) NOT NULL,
    created_at      DATETIME(6)  NOT NULL,
    PRIMARY KEY (organization_id, job_type)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
