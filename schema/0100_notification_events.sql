CREATE TABLE notification_events (
    id              UUID NOT NULL,
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event           VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    severity        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    dedupe_key      VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NULL,
    recipients      LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    data            LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    job_id          UUID NOT NULL,
    created_at      DATETIME(6) NOT NULL,
    created_by      VARCHAR(128) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_events_dedupe (organization_id, dedupe_key),
    KEY ix_events_created (organization_id, created_at, id),
    CONSTRAINT fk_events_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
