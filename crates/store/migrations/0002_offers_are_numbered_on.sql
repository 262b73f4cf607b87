-- Numbers of offers up to this one are taken: an id of before a restart stands for no offer of after it.
ALTER TABLE reserved ADD COLUMN last_reservation INTEGER NOT NULL DEFAULT 0;
