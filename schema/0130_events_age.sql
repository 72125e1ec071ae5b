ALTER TABLE notification_events ADD INDEX IF NOT EXISTS ix_events_age (created_at, id);
