CREATE TABLE provider_callbacks (
    provider    VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    callback_id BINARY(32) NOT NULL,
    seen_at     DATETIME(6) NOT NULL,
    PRIMARY KEY (provider, callback_id),
    KEY ix_callbacks_seen (seen_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
