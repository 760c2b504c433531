//! Writes a time as SQLite's columns hold it, by hand: formatting one by a pattern takes as long as inserting its row.

use chrono::{Datelike, NaiveDateTime, Timelike};
use diesel::expression::AsExpression;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Timestamp;
use diesel::sqlite::Sqlite;

/// The same text that diesel writes of a `NaiveDateTime`, `%F %T%.f`: the columns are compared as texts.
#[derive(Clone, Copy, Debug, AsExpression)]
#[diesel(sql_type = Timestamp)]
pub struct TimeText(pub NaiveDateTime);

impl ToSql<Timestamp, Sqlite> for TimeText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(text(&self.0));
        Ok(IsNull::No)
    }
}

fn text(time: &NaiveDateTime) -> String {
    let Ok(year @ 0..=9999) = u32::try_from(time.year()) else {
        return time.format("%F %T%.f").to_string();
    };
    let mut text = String::with_capacity("2026-11-30 12:00:00.000000000".len());
    for (before, number, digits) in [
        ("", year, 4),
        ("-", time.month(), 2),
        ("-", time.day(), 2),
        (" ", time.hour(), 2),
        (":", time.minute(), 2),
        (":", time.second(), 2),
    ] {
        text.push_str(before);
        push_digits(&mut text, number, digits);
    }
    match time.nanosecond() {
        0 => {}
        nanos if nanos % 1_000_000 == 0 => push_fraction(&mut text, nanos / 1_000_000, 3),
        nanos if nanos % 1_000 == 0 => push_fraction(&mut text, nanos / 1_000, 6),
        nanos => push_fraction(&mut text, nanos, 9),
    }
    text
}

fn push_fraction(text: &mut String, number: u32, digits: u32) {
    text.push('.');
    push_digits(text, number, digits);
}

fn push_digits(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn it_is_the_text_that_diesel_writes() {
        let whole = DateTime::from_timestamp(1_796_000_000, 0).expect("a time").naive_utc();
        let of_nanos = [0, 1, 999, 1_000, 120_000, 1_000_000, 987_000_000, 999_999_999, 100_000_000];
        let with_fractions = of_nanos.map(|nanos| whole + TimeDelta::nanoseconds(nanos));
        let far =
            ["0001-01-02T03:04:05", "9999-12-31T23:59:59.5", "-0044-03-15T00:00:00", "+12345-01-01T00:00:00"];
        let far = far.map(|text| text.parse::<NaiveDateTime>().expect("a time"));
        for time in with_fractions.into_iter().chain(far) {
            assert_eq!(text(&time), time.format("%F %T%.f").to_string());
        }
    }
}
