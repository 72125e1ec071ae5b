CREATE TABLE rate_limits (
    bucket     VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
    tat_us     BIGINT NOT NULL,
    allowed    TINYINT(1) NOT NULL,
    expires_at DATETIME(6) NOT NULL,
    PRIMARY KEY (bucket),
    KEY ix_rate_limits_expires (expires_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
