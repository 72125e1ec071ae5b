ALTER TABLE audit_log
    ADD INDEX IF NOT EXISTS ix_audit_action (organization_id, action, created_at, id),
    ADD INDEX IF NOT EXISTS ix_audit_actor (organization_id, actor, created_at, id),
    ADD INDEX IF NOT EXISTS ix_audit_subject (organization_id, subject, created_at, id);
