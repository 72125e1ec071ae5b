CREATE TABLE processes (
    id          UUID NOT NULL,
    kind        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    host        VARCHAR(255) NOT NULL,
    pid         INT NOT NULL,
    version     VARCHAR(32) NOT NULL,
    started_at  DATETIME(6) NOT NULL,
    seen_at     DATETIME(6) NOT NULL,
    flush_id    UUID NULL,
    running     INT NOT NULL DEFAULT 0,
    capacity    INT NOT NULL DEFAULT 0,
    last_minute BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY ix_processes_seen (seen_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
