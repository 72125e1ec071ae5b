CREATE TABLE notification_templates (
    organization_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event           VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    channel         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    locale          VARCHAR(35) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject         VARCHAR(400) NULL,
    text            LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    html            LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    created_at      DATETIME(6) NOT NULL,
    updated_at      DATETIME(6) NOT NULL,
    created_by      VARCHAR(128) NULL,
    updated_by      VARCHAR(128) NULL,
    version         BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (organization_id, event, channel, locale),
    CONSTRAINT fk_templates_organization FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
