CREATE TABLE delivery_attempts (
    delivery_id UUID NOT NULL,
    number      INT NOT NULL,
    provider    VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    outcome     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code        INT NULL,
    reply       VARCHAR(500) NULL,
    started_at  DATETIME(6) NOT NULL,
    latency_ms  INT NULL,
    PRIMARY KEY (delivery_id, number),
    CONSTRAINT fk_delivery_attempts FOREIGN KEY (delivery_id) REFERENCES deliveries (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
