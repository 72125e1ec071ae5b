CREATE TABLE suppressions (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    channel         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    address         VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    reason          VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    note            VARCHAR(500) NULL,
    delivery_id     UUID NULL,
    created_at      DATETIME(6) NOT NULL,
    created_by      VARCHAR(128) NULL,
    PRIMARY KEY (organization_id, channel, address),
    KEY ix_suppressions_created (organization_id, created_at, channel, address),
    CONSTRAINT fk_suppressions_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
