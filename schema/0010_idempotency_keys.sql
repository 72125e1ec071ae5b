CREATE TABLE idempotency_keys (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    scope           BINARY(32) NOT NULL,
    request_sha256  BINARY(32) NOT NULL,
    status          SMALLINT NOT NULL,
    location        VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
    body            LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    expires_at      DATETIME(6) NOT NULL,
    PRIMARY KEY (organization_id, scope),
    KEY ix_idempotency_expires (expires_at),
    CONSTRAINT fk_idempotency_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
