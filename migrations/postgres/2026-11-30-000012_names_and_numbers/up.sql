-- User names are kept in lower case. Of several that differ in case alone the one that was in lower case already gets it, or
-- else the oldest; the others stay as they are and log in with exactly that spelling.
CREATE INDEX accounts_by_lower_name ON accounts (lower(username COLLATE "C"));
UPDATE accounts SET username = lower(username COLLATE "C")
WHERE username <> lower(username COLLATE "C") AND NOT EXISTS (
    SELECT 1 FROM accounts AS other
    WHERE lower(other.username COLLATE "C") = lower(accounts.username COLLATE "C")
        AND other.id <> accounts.id
        AND (other.id < accounts.id OR other.username = lower(other.username COLLATE "C"))
);
DROP INDEX accounts_by_lower_name;

-- Telephone numbers are kept as +, country code, number. What began with 00 is one of these in other words. Of what began
-- with neither nobody can say the country: it stays as it is, and so does what another account has in the one form.
UPDATE accounts SET phone_number = '+' || substr(phone_number, 3)
WHERE phone_number LIKE '00%' AND substr(phone_number, 3, 1) <> '0' AND length(phone_number) >= 9 AND NOT EXISTS (
    SELECT 1 FROM accounts AS other WHERE other.phone_number = '+' || substr(accounts.phone_number, 3)
);
