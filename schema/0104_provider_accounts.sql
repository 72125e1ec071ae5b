CREATE TABLE provider_accounts (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    provider        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    position        INT NOT NULL,
    enabled         TINYINT(1) NOT NULL,
    config          LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    secrets         LONGTEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
    paused_at       DATETIME(6) NULL,
    paused_reason   VARCHAR(500) NULL,
    created_at      DATETIME(6) NOT NULL,
    updated_at      DATETIME(6) NOT NULL,
    created_by      VARCHAR(128) NULL,
    updated_by      VARCHAR(128) NULL,
    version         BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (organization_id, provider)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
