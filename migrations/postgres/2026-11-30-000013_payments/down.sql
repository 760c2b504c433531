-- Back to hundredths.
UPDATE jobs SET earnings_minor = earnings_minor * 100, estimated_fare_minor = estimated_fare_minor * 100, final_fare_minor = final_fare_minor * 100
    WHERE currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF');
UPDATE jobs SET earnings_minor = (earnings_minor + 5) / 10, estimated_fare_minor = (estimated_fare_minor + 5) / 10, final_fare_minor = (final_fare_minor + 5) / 10
    WHERE currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND');
UPDATE jobs SET earnings_minor = (earnings_minor + 50) / 100, estimated_fare_minor = (estimated_fare_minor + 50) / 100, final_fare_minor = (final_fare_minor + 50) / 100
    WHERE currency IN ('CLF', 'UYW');
DROP TABLE payment_notices;
DROP INDEX jobs_without_currency;
ALTER TABLE jobs DROP COLUMN paid_at;
ALTER TABLE jobs DROP COLUMN payment_reference;
ALTER TABLE jobs DROP COLUMN payment_status;
ALTER TABLE jobs DROP COLUMN payment_method;
ALTER TABLE jobs DROP COLUMN amount_minor;
ALTER TABLE jobs DROP COLUMN currency;
