CREATE TABLE schedule_firings (
    schedule_id UUID NOT NULL,
    fire_at     DATETIME(6) NOT NULL,
    job_id      UUID NOT NULL,
    created_at  DATETIME(6) NOT NULL,
    PRIMARY KEY (schedule_id, fire_at),
    KEY ix_firings_created (created_at),
    CONSTRAINT fk_firings_schedule FOREIGN KEY (schedule_id) REFERENCES schedules (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
