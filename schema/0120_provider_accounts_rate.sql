ALTER TABLE provider_accounts ADD COLUMN IF NOT EXISTS max_per_second INT NULL AFTER enabled;
