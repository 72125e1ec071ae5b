CREATE TABLE job_counts (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_type        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status          ENUM('queued','processing','completed','failed','cancelled') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    priority        TINYINT NOT NULL,
    shard           TINYINT NOT NULL,
    jobs            BIGINT NOT NULL,
    PRIMARY KEY (organization_id, job_type, status, priority, shard),
    CONSTRAINT fk_counts_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
