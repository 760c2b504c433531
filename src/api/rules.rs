//! The rules for fields, one for each kind. A rule returns the value in a type that can't be wrong, or says in a few
//! words what is expected; it never repeats the input, which may be a secret.

use crate::contracts::number::{integer, integer_or_text, number_of_text, number_or_text};
use crate::contracts::quantity::{DISTANCE_KM, DURATION_MINUTES, kilometres, minutes};
use crate::contracts::reading::{is_hidden, shown_part};
use crate::contracts::ride_matching::ADDRESS_CHARS_MAX;
use crate::contracts::time;
use crate::domain::driver::Wants;
use crate::domain::external_id::ExternalId;
use crate::domain::money::Amount;
use crate::domain::payment::{PaymentMethod, PaymentStatus};
use crate::domain::phone_number::PhoneNumber;
use crate::domain::position::Position;
use crate::domain::ride::Stars;
use crate::domain::username::Username;
use crate::domain::whole;
use crate::operations::passwords::Password;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use std::ops::RangeInclusive;

/// Characters of a name, an address and the like: more fits on no screen.
const NAME_CHARS_MAX: usize = 200;
/// The app shows it word for word.
const REASON_CHARS_MAX: usize = 500;
/// Far above what a driver may hold.
const BATCH_ORDERS_MAX: usize = 100;

/// A name, an address, a vehicle.
pub fn name(value: &Value) -> Result<String, String> {
    text(value, NAME_CHARS_MAX)
}

pub fn reason(value: &Value) -> Result<String, String> {
    text(value, REASON_CHARS_MAX)
}

/// An address of a ride, where its positions say enough: of what can't be shown whole the beginning is, as on the matching
/// app's socket.
pub fn ride_address(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| "must be a string".to_owned())?;
    Ok(shown_part(text, ADDRESS_CHARS_MAX).unwrap_or_default())
}

/// A text that says nothing where it is empty, as forms send it.
pub fn unless_empty<T>(
    rule: impl Fn(&Value) -> Result<T, String>,
) -> impl Fn(&Value) -> Result<Option<T>, String> {
    move |value| match value.as_str().map(str::trim) {
        Some("") => Ok(None),
        _ => rule(value).map(Some),
    }
}

/// The same where an app may send the empty text for nothing.
pub fn name_or_empty(value: &Value) -> Result<String, String> {
    if value.as_str() == Some("") { Ok(String::new()) } else { name(value) }
}

pub fn reason_or_empty(value: &Value) -> Result<String, String> {
    if value.as_str() == Some("") { Ok(String::new()) } else { reason(value) }
}

/// A rating.
pub fn stars(value: &Value) -> Result<Stars, String> {
    let stars = integer(value).and_then(Stars::new);
    stars.ok_or_else(|| "must be a whole number from 1 to 5".to_owned())
}

fn text(value: &Value, chars_max: usize) -> Result<String, String> {
    let expected = || format!("must be a string of 1 to {chars_max} characters");
    let text = value.as_str().ok_or_else(expected)?;
    if text.trim().is_empty() || text.chars().count() > chars_max {
        return Err(expected());
    }
    match text.chars().any(is_hidden) {
        true => Err("must not have control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

pub fn claimed_password(value: &Value) -> Result<Password, String> {
    value.as_str().map(Password::claimed).ok_or_else(|| "must be a string".to_owned())
}

/// A token, opaque here.
pub fn opaque(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be a string".to_owned())
}

pub fn username(value: &Value) -> Result<Username, String> {
    Username::parse(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())
}

pub fn phone_number(value: &Value) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(value.as_str().unwrap_or_default()).map_err(|error| error.to_string())
}

/// A password that is to be set.
pub fn password(value: &Value) -> Result<Password, String> {
    let text = value.as_str().ok_or_else(|| "must be a string".to_owned())?;
    Password::new(text).map_err(|rule| rule.to_string())
}

pub fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// An id that another system has; one that is a whole number there is the text of its digits here.
pub fn external_id(value: &Value) -> Result<ExternalId, String> {
    let text = match (value.as_str(), integer(value)) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => String::new(),
    };
    ExternalId::parse(&text).map_err(|error| error.to_string())
}

pub fn external_ids(value: &Value) -> Result<Vec<ExternalId>, String> {
    match value.as_array() {
        Some(list) if (1..=BATCH_ORDERS_MAX).contains(&list.len()) => list.iter().map(external_id).collect(),
        _ => Err(format!("must be a list of 1 to {BATCH_ORDERS_MAX} ids")),
    }
}

/// The mean of a driver's ratings, as an operator sets it.
pub fn rating(value: &Value) -> Result<f64, String> {
    let rating = value.as_f64().filter(|rating| (1.0..=5.0).contains(rating));
    rating.ok_or_else(|| "must be a number from 1 to 5".to_owned())
}

/// The id of an order, a driver or a customer. Apps keep it as a number or as text.
pub fn id<Id: From<i64>>(value: &Value) -> Result<Id, String> {
    match integer_or_text(value) {
        Some(id) if id > 0 => Ok(Id::from(id)),
        _ => Err("must be a whole number above 0".to_owned()),
    }
}

pub fn ids<Id: From<i64>>(value: &Value) -> Result<Vec<Id>, String> {
    match value.as_array() {
        Some(list) if (1..=BATCH_ORDERS_MAX).contains(&list.len()) => list.iter().map(id).collect(),
        _ => Err(format!("must be a list of 1 to {BATCH_ORDERS_MAX} ids")),
    }
}

/// Rounded to its currency's minor unit later, where that is known.
pub fn money(value: &Value) -> Result<Amount, String> {
    let amount = value.as_f64().ok_or_else(|| "must be a number".to_owned())?;
    Amount::new(amount).map_err(|_| "must be from 0 to 1000000000".to_owned())
}

pub fn distance_km(value: &Value) -> Result<f64, String> {
    kilometres(value).ok_or_else(|| format!("must be a number from 0 to {}", DISTANCE_KM.end()))
}

pub fn duration_minutes(value: &Value) -> Result<u32, String> {
    minutes(value).ok_or_else(|| format!("must be a number of minutes from 0 to {}", DURATION_MINUTES.end()))
}

pub fn latitude(value: &Value) -> Result<f64, String> {
    let degrees = number_or_text(value).filter(|degrees| Position::new(*degrees, 0.0).is_ok());
    degrees.ok_or_else(|| "must be a number from -90 to 90".to_owned())
}

pub fn longitude(value: &Value) -> Result<f64, String> {
    let degrees = number_or_text(value).filter(|degrees| Position::new(0.0, *degrees).is_ok());
    degrees.ok_or_else(|| "must be a number from -180 to 180".to_owned())
}

pub fn number_from_0_to(max: f64) -> impl Fn(&Value) -> Result<f64, String> {
    move |value| {
        let number = value.as_f64().filter(|number| (0.0..=max).contains(number));
        number.ok_or_else(|| format!("must be a number from 0 to {max}"))
    }
}

/// A rule for a number, where it comes as the text of a query.
pub fn in_query<T>(rule: impl Fn(&Value) -> Result<T, String>) -> impl Fn(&Value) -> Result<T, String> {
    move |value| rule(&value.as_str().and_then(number_of_text).map_or(Value::Null, Value::from))
}

/// An IANA name, such as `Africa/Douala`.
pub fn time_zone(value: &Value) -> Result<Tz, String> {
    let zone = value.as_str().and_then(|name| name.parse().ok());
    zone.ok_or_else(|| "must be a time zone such as Africa/Douala".to_owned())
}

/// A driver's wish, in the words of `driver/status`.
pub fn wants(value: &Value) -> Result<Wants, String> {
    let word = value.as_str().map(str::to_ascii_lowercase);
    word.and_then(|word| Wants::from_wire(&word))
        .ok_or_else(|| "must be one of online, available, busy, offline".to_owned())
}

/// One of a few words, in any case.
pub fn word<T: Copy>(words: &[(&str, T)]) -> impl Fn(&Value) -> Result<T, String> {
    move |value| {
        let said = value.as_str().unwrap_or_default();
        let found = words.iter().find(|(word, _)| said.eq_ignore_ascii_case(word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("must be one of {}", words.join(", "))
        })
    }
}

/// How a customer pays.
pub fn payment_method(value: &Value) -> Result<PaymentMethod, String> {
    word(&PaymentMethod::ALL.iter().map(|method| (method.as_str(), *method)).collect::<Vec<_>>())(value)
}

/// How far a payment is.
pub fn payment_status(value: &Value) -> Result<PaymentStatus, String> {
    word(&PaymentStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect::<Vec<_>>())(value)
}

/// A driver can say no more of a payment than that the money is in their hand.
pub fn paid(value: &Value) -> Result<PaymentStatus, String> {
    word(&[(PaymentStatus::Paid.as_str(), PaymentStatus::Paid)])(value)
}

/// A whole number in a body.
pub fn whole_in(range: RangeInclusive<usize>) -> impl Fn(&Value) -> Result<usize, String> {
    move |value| {
        let number = integer(value).and_then(|number| usize::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A number in a query string.
pub fn number_in(range: RangeInclusive<usize>) -> impl Fn(&Value) -> Result<usize, String> {
    move |value| {
        let number = value.as_str().and_then(whole::of_text).and_then(|number| usize::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
    }
}

/// `YYYY-MM-DD`, of a four-digit year, since both databases compare those rightly.
pub fn date(value: &Value) -> Result<NaiveDate, String> {
    let text = value.as_str().filter(|text| text.len() == 10 && text.as_bytes()[0].is_ascii_digit());
    text.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .ok_or_else(|| "must be a date as YYYY-MM-DD".to_owned())
}

/// A time as [`time::instant`] reads it.
pub fn instant(value: &Value) -> Result<DateTime<Utc>, String> {
    time::instant(value).ok_or_else(|| "must be a time such as 2026-11-20T10:30:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::usd;
    use serde_json::json;

    #[test]
    fn texts_are_bounded_in_characters_and_not_blank() {
        assert!(name(&json!("é".repeat(200))).is_ok());
        assert_eq!(reason(&json!("late\nand cold")), Ok("late\nand cold".to_owned()));
        for wrong in
            [json!("é".repeat(201)), json!(""), json!("  "), json!("a\u{0}b"), json!(7), json!(["a"])]
        {
            assert!(name(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_and_numbers_of_people() {
        assert_eq!(username(&json!("Anna.b ")).map(Username::into_string).as_deref(), Ok("anna.b"));
        let number = phone_number(&json!("+237 123-456 789")).map(PhoneNumber::into_string);
        assert_eq!(number.as_deref(), Ok("+237123456789"));
        for wrong in [json!(""), json!("a b"), json!(7), json!(237_123_456_789_u64)] {
            assert!(username(&wrong).is_err() && phone_number(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_of_other_systems_are_texts_and_a_set_rating_is_one_of_stars() {
        let read = |value: Value| external_id(&value).map(ExternalId::into_string);
        assert_eq!(read(json!("A-4711")).as_deref(), Ok("A-4711"));
        assert_eq!(read(json!(4711)).as_deref(), Ok("4711"));
        for wrong in [json!(""), json!(" 7"), json!(7.5), json!(true), json!(["7"])] {
            assert!(external_id(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(read(json!(4711.0)).as_deref(), Ok("4711"));
        assert!(rating(&json!(4.5)).is_ok() && rating(&json!(5.1)).is_err() && rating(&json!(0)).is_err());
    }

    #[test]
    fn numbers_are_numbers_and_ids_whole() {
        let dollars = |value| money(&value).map(|amount| amount.in_currency(usd(0).currency()));
        assert_eq!((dollars(json!(45.5)), dollars(json!(45))), (Ok(usd(4550)), Ok(usd(4500))));
        assert_eq!((dollars(json!(153.4725)), dollars(json!(1.005))), (Ok(usd(15_347)), Ok(usd(101))));
        for wrong in [json!("45.5"), json!(-1), json!(-0.001), json!(1e300), json!(true)] {
            assert!(money(&wrong).is_err(), "{wrong}");
        }
        assert!(distance_km(&json!(0)).is_ok() && distance_km(&json!(20000.1)).is_err());
        for seven in [json!(7), json!(7.0), json!("7"), json!("7.0")] {
            assert_eq!(id(&seven), Ok(7i64), "{seven}");
        }
        for wrong in [json!(0), json!(-1), json!(1.5), json!("1.5"), json!("seven"), json!(""), json!(1e30)] {
            assert!(id::<i64>(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(ids(&json!([1.0, "2", 3])), Ok(vec![1i64, 2, 3]));
        assert_eq!(stars(&json!(5.0)), stars(&json!(5)));
        assert!(stars(&json!(4.5)).is_err() && stars(&json!("5")).is_err() && stars(&json!(6.0)).is_err());
        assert_eq!((distance_km(&json!("3.2 km")), duration_minutes(&json!("25 mins"))), (Ok(3.2), Ok(25)));
        assert!(distance_km(&json!("far")).is_err() && duration_minutes(&json!("soon")).is_err());
        assert_eq!(latitude(&json!("-26.2041")), Ok(-26.2041));
        assert!(latitude(&json!("90.1")).is_err() && longitude(&json!("east")).is_err());
        assert!(ids::<i64>(&json!([])).is_err() && ids::<i64>(&json!(vec![1; 101])).is_err());
    }

    #[test]
    fn a_word_may_be_written_in_any_case() {
        let colour = word(&[("red", 1), ("blue", 2)]);
        assert_eq!((colour(&json!("RED")), colour(&json!("Blue"))), (Ok(1), Ok(2)));
        assert_eq!(colour(&json!("green")), Err("must be one of red, blue".to_owned()));
        assert!(colour(&json!(1)).is_err() && colour(&json!("")).is_err());
        assert_eq!((wants(&json!("ONLINE")), wants(&json!("Busy"))), (Ok(Wants::Online), Ok(Wants::Paused)));
    }

    #[test]
    fn of_an_address_of_a_ride_the_beginning_is_kept() {
        assert_eq!(ride_address(&json!("é".repeat(201))), Ok("é".repeat(200)));
        assert_eq!(ride_address(&json!(" a\u{0}b\nc ")), Ok("ab\nc".to_owned()));
        assert_eq!(ride_address(&json!("  ")), Ok(String::new()));
        assert!(ride_address(&json!(7)).is_err());
    }

    #[test]
    fn dates_and_times_of_query_strings() {
        assert!(date(&json!("2001-12-31")).is_ok());
        for wrong in ["31.12.2001", "2001-02-30", "+12001-01-01", "2001-1-1", "", "héllo wörl"] {
            assert!(date(&json!(wrong)).is_err(), "{wrong}");
        }
        let time = instant(&json!("2026-11-20T12:30:00 02:00")).map(|time| time.timestamp());
        assert_eq!(time, instant(&json!("2026-11-20T10:30:00Z")).map(|time| time.timestamp()));
        assert_eq!(time, instant(&json!("2026-11-20 10:30:00")).map(|time| time.timestamp()));
        assert_eq!(time, instant(&json!(1_795_170_600_000_i64)).map(|time| time.timestamp()));
        assert!(instant(&json!("2026-11-20")).is_err() && instant(&json!("soon")).is_err());
        assert_eq!(
            (number_in(1..=100)(&json!("100.0")), number_in(1..=100)(&json!(" 7 "))),
            (Ok(100), Ok(7))
        );
        assert_eq!(number_in(1..=100)(&json!("100")), Ok(100));
        for wrong in ["0", "101", "-1", "7.5", "ten", ""] {
            assert!(number_in(1..=100)(&json!(wrong)).is_err(), "{wrong}");
        }
        assert!(time_zone(&json!("Africa/Douala")).is_ok() && time_zone(&json!("Mars/Base")).is_err());
    }
}
