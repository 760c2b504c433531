DROP TABLE log_in_unlocks;
DROP TABLE log_in_places;
