CREATE TABLE audit_log (
    id              BIGINT NOT NULL AUTO_INCREMENT,
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    actor           VARCHAR(128) NOT NULL,
    action          VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    request_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    changes         JSON NULL,
    created_at      DATETIME(6) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_audit_created (organization_id, created_at, id),
    CONSTRAINT fk_audit_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
