-- How names and numbers were spelled before is not kept. Each of these spellings was allowed before, too.
SELECT 1;
