//! What a field may be: one rule for each kind. A rule is a value of two halves, which are written next to each other:
//! how it reads, and the schema that tells others what it takes. Reading gives the value in a type that can't be wrong,
//! or says in a few words what is expected; it never repeats what was sent, which may be a secret.

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
use crate::operations::passwords::{PASSWORD_BYTES_MIN, Password};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use uuid::Uuid;

/// Characters of a name, an address and the like: more fits on no screen.
const NAME_CHARS_MAX: usize = 200;
/// The app shows it word for word.
const REASON_CHARS_MAX: usize = 500;
/// Far above what a driver may hold.
const BATCH_ORDERS_MAX: usize = 100;

/// A rule for a field.
pub trait Rule<T> {
    /// The value, or what is expected instead, to follow the field's name in a sentence.
    fn read(&self, value: &Value) -> Result<T, String>;

    /// The same for others: JSON Schema (2020-12) of what is best sent. More is read where apps write it otherwise:
    /// words in any case, whole numbers with a decimal point, times in other forms.
    fn schema(&self) -> Value;
}

struct Halves<S, R> {
    schema: S,
    read: R,
}

impl<T, S: Fn() -> Value, R: Fn(&Value) -> Result<T, String>> Rule<T> for Halves<S, R> {
    fn read(&self, value: &Value) -> Result<T, String> {
        (self.read)(value)
    }

    fn schema(&self) -> Value {
        (self.schema)()
    }
}

/// A rule of its two halves. The schema is made only where somebody wants to see it.
pub fn rule<T>(schema: impl Fn() -> Value, read: impl Fn(&Value) -> Result<T, String>) -> impl Rule<T> {
    Halves { schema, read }
}

/// A name, an address, a vehicle.
pub fn name() -> impl Rule<String> {
    text_up_to(NAME_CHARS_MAX)
}

pub fn reason() -> impl Rule<String> {
    text_up_to(REASON_CHARS_MAX)
}

/// An address of a ride, where its positions say enough: of what can't be shown whole the beginning is, as on the matching
/// app's socket.
pub fn ride_address() -> impl Rule<String> {
    rule(any_text, |value| {
        let text = value.as_str().ok_or_else(|| "must be a string".to_owned())?;
        Ok(shown_part(text, ADDRESS_CHARS_MAX).unwrap_or_default())
    })
}

/// A text that says nothing where it is empty, as forms send it.
pub fn unless_empty<T>(inner: impl Rule<T>) -> impl Rule<Option<T>> {
    struct UnlessEmpty<R>(R);
    impl<T, R: Rule<T>> Rule<Option<T>> for UnlessEmpty<R> {
        fn read(&self, value: &Value) -> Result<Option<T>, String> {
            match value.as_str().map(str::trim) {
                Some("") => Ok(None),
                _ => self.0.read(value).map(Some),
            }
        }

        fn schema(&self) -> Value {
            or_empty_text(self.0.schema())
        }
    }
    UnlessEmpty(inner)
}

/// A name, where an app may send the empty text for none.
pub fn name_or_empty() -> impl Rule<String> {
    or_empty(name())
}

pub fn reason_or_empty() -> impl Rule<String> {
    or_empty(reason())
}

fn or_empty(inner: impl Rule<String>) -> impl Rule<String> {
    struct OrEmpty<R>(R);
    impl<R: Rule<String>> Rule<String> for OrEmpty<R> {
        fn read(&self, value: &Value) -> Result<String, String> {
            if value.as_str() == Some("") { Ok(String::new()) } else { self.0.read(value) }
        }

        fn schema(&self) -> Value {
            or_empty_text(self.0.schema())
        }
    }
    OrEmpty(inner)
}

fn or_empty_text(schema: Value) -> Value {
    json!({"anyOf": [schema, {"const": ""}]})
}

/// A rating.
pub fn stars() -> impl Rule<Stars> {
    rule(
        || json!({"type": "integer", "minimum": 1, "maximum": 5}),
        |value| {
            let stars = integer(value).and_then(Stars::new);
            stars.ok_or_else(|| "must be a whole number from 1 to 5".to_owned())
        },
    )
}

/// A text for people to read, of one character or more.
pub fn text_up_to(chars_max: usize) -> impl Rule<String> {
    rule(
        move || json!({"type": "string", "minLength": 1, "maxLength": chars_max}),
        move |value| {
            let expected = || format!("must be a string of 1 to {chars_max} characters");
            let text = value.as_str().ok_or_else(expected)?;
            if text.trim().is_empty() || text.chars().count() > chars_max {
                return Err(expected());
            }
            match text.chars().any(is_hidden) {
                true => Err("must not have control characters".to_owned()),
                false => Ok(text.to_owned()),
            }
        },
    )
}

fn any_text() -> Value {
    json!({"type": "string"})
}

/// A password to be compared.
pub fn claimed_password() -> impl Rule<Password> {
    rule(
        || json!({"type": "string", "format": "password"}),
        |value| value.as_str().map(Password::claimed).ok_or_else(|| "must be a string".to_owned()),
    )
}

/// A token, opaque here.
pub fn opaque() -> impl Rule<String> {
    rule(any_text, |value| value.as_str().map(str::to_owned).ok_or_else(|| "must be a string".to_owned()))
}

pub fn username() -> impl Rule<Username> {
    rule(
        || json!({"type": "string", "format": "username"}),
        |value| Username::parse(value.as_str().unwrap_or_default()).map_err(|error| error.to_string()),
    )
}

pub fn phone_number() -> impl Rule<PhoneNumber> {
    rule(
        || json!({"type": "string", "format": "phone-number"}),
        |value| PhoneNumber::parse(value.as_str().unwrap_or_default()).map_err(|error| error.to_string()),
    )
}

/// A password that is to be set. It is bounded in bytes.
pub fn password() -> impl Rule<Password> {
    rule(
        || json!({"type": "string", "format": "password", "minLength": PASSWORD_BYTES_MIN}),
        |value| {
            let text = value.as_str().ok_or_else(|| "must be a string".to_owned())?;
            Password::new(text).map_err(|rule| rule.to_string())
        },
    )
}

pub fn flag() -> impl Rule<bool> {
    rule(
        || json!({"type": "boolean"}),
        |value| value.as_bool().ok_or_else(|| "must be true or false".to_owned()),
    )
}

fn external_id_schema() -> Value {
    json!({"type": ["string", "integer"], "format": "external-id"})
}

fn read_external_id(value: &Value) -> Result<ExternalId, String> {
    let text = match (value.as_str(), integer(value)) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) => number.to_string(),
        (None, None) => String::new(),
    };
    ExternalId::parse(&text).map_err(|error| error.to_string())
}

/// An id that another system has; one that is a whole number there is the text of its digits here.
pub fn external_id() -> impl Rule<ExternalId> {
    rule(external_id_schema, read_external_id)
}

pub fn external_ids() -> impl Rule<Vec<ExternalId>> {
    batch(external_id())
}

/// The mean of a driver's ratings, as an operator sets it.
pub fn rating() -> impl Rule<f64> {
    rule(
        || json!({"type": "number", "minimum": 1, "maximum": 5}),
        |value| {
            let rating = value.as_f64().filter(|rating| (1.0..=5.0).contains(rating));
            rating.ok_or_else(|| "must be a number from 1 to 5".to_owned())
        },
    )
}

/// The id of an order, a driver or a customer. Apps keep it as a number or as text.
pub fn id<Id: From<i64>>() -> impl Rule<Id> {
    rule(
        || json!({"type": ["integer", "string"], "minimum": 1}),
        |value| match integer_or_text(value) {
            Some(id) if id > 0 => Ok(Id::from(id)),
            _ => Err("must be a whole number above 0".to_owned()),
        },
    )
}

pub fn ids<Id: From<i64>>() -> impl Rule<Vec<Id>> {
    batch(id())
}

fn batch<T>(each: impl Rule<T>) -> impl Rule<Vec<T>> {
    struct Batch<R>(R);
    impl<T, R: Rule<T>> Rule<Vec<T>> for Batch<R> {
        fn read(&self, value: &Value) -> Result<Vec<T>, String> {
            match value.as_array() {
                Some(list) if (1..=BATCH_ORDERS_MAX).contains(&list.len()) => {
                    list.iter().map(|one| self.0.read(one)).collect()
                }
                _ => Err(format!("must be a list of 1 to {BATCH_ORDERS_MAX} ids")),
            }
        }

        fn schema(&self) -> Value {
            json!({"type": "array", "items": self.0.schema(), "minItems": 1, "maxItems": BATCH_ORDERS_MAX})
        }
    }
    Batch(each)
}

/// Rounded to its currency's minor unit later, where that is known.
pub fn money() -> impl Rule<Amount> {
    rule(
        || json!({"type": "number", "minimum": 0, "maximum": 1_000_000_000}),
        |value| {
            let amount = value.as_f64().ok_or_else(|| "must be a number".to_owned())?;
            Amount::new(amount).map_err(|_| "must be from 0 to 1000000000".to_owned())
        },
    )
}

pub fn distance_km() -> impl Rule<f64> {
    rule(
        || json!({"type": ["number", "string"], "minimum": 0, "maximum": DISTANCE_KM.end()}),
        |value| kilometres(value).ok_or_else(|| format!("must be a number from 0 to {}", DISTANCE_KM.end())),
    )
}

pub fn duration_minutes() -> impl Rule<u32> {
    rule(
        || json!({"type": ["number", "string"], "minimum": 0, "maximum": DURATION_MINUTES.end()}),
        |value| {
            let expected = || format!("must be a number of minutes from 0 to {}", DURATION_MINUTES.end());
            minutes(value).ok_or_else(expected)
        },
    )
}

pub fn latitude() -> impl Rule<f64> {
    rule(
        || json!({"type": ["number", "string"], "minimum": -90, "maximum": 90}),
        |value| {
            let degrees = number_or_text(value).filter(|degrees| Position::new(*degrees, 0.0).is_ok());
            degrees.ok_or_else(|| "must be a number from -90 to 90".to_owned())
        },
    )
}

pub fn longitude() -> impl Rule<f64> {
    rule(
        || json!({"type": ["number", "string"], "minimum": -180, "maximum": 180}),
        |value| {
            let degrees = number_or_text(value).filter(|degrees| Position::new(0.0, *degrees).is_ok());
            degrees.ok_or_else(|| "must be a number from -180 to 180".to_owned())
        },
    )
}

pub fn number_from_0_to(max: f64) -> impl Rule<f64> {
    rule(
        move || json!({"type": "number", "minimum": 0, "maximum": max}),
        move |value| {
            let number = value.as_f64().filter(|number| (0.0..=max).contains(number));
            number.ok_or_else(|| format!("must be a number from 0 to {max}"))
        },
    )
}

/// A rule for a number, where it comes as the text of a query.
pub fn in_query<T>(inner: impl Rule<T>) -> impl Rule<T> {
    struct InQuery<R>(R);
    impl<T, R: Rule<T>> Rule<T> for InQuery<R> {
        fn read(&self, value: &Value) -> Result<T, String> {
            self.0.read(&value.as_str().and_then(number_of_text).map_or(Value::Null, Value::from))
        }

        fn schema(&self) -> Value {
            let mut schema = self.0.schema();
            schema["type"] = json!("number");
            schema
        }
    }
    InQuery(inner)
}

/// An IANA name, such as `Africa/Douala`.
pub fn time_zone() -> impl Rule<Tz> {
    rule(
        || json!({"type": "string", "format": "time-zone"}),
        |value| {
            let zone = value.as_str().and_then(|name| name.parse().ok());
            zone.ok_or_else(|| "must be a time zone such as Africa/Douala".to_owned())
        },
    )
}

/// A driver's wish, in the words of `driver/status`.
pub fn wants() -> impl Rule<Wants> {
    rule(
        || json!({"type": "string", "enum": ["online", "available", "busy", "offline"]}),
        |value| {
            let word = value.as_str().map(str::to_ascii_lowercase);
            word.and_then(|word| Wants::from_wire(&word))
                .ok_or_else(|| "must be one of online, available, busy, offline".to_owned())
        },
    )
}

/// One of a few words, in any case.
pub fn word<T: Copy, W: AsRef<[(&'static str, T)]>>(words: W) -> impl Rule<T> {
    struct Word<W>(W);
    impl<T: Copy, W: AsRef<[(&'static str, T)]>> Rule<T> for Word<W> {
        fn read(&self, value: &Value) -> Result<T, String> {
            let (words, said) = (self.0.as_ref(), value.as_str().unwrap_or_default());
            let found = words.iter().find(|(word, _)| said.eq_ignore_ascii_case(word));
            found.map(|(_, meaning)| *meaning).ok_or_else(|| {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                format!("must be one of {}", words.join(", "))
            })
        }

        fn schema(&self) -> Value {
            let words: Vec<&str> = self.0.as_ref().iter().map(|(word, _)| *word).collect();
            json!({"type": "string", "enum": words})
        }
    }
    Word(words)
}

/// How a customer pays.
pub fn payment_method() -> impl Rule<PaymentMethod> {
    word(PaymentMethod::ALL.iter().map(|method| (method.as_str(), *method)).collect::<Vec<_>>())
}

/// How far a payment is.
pub fn payment_status() -> impl Rule<PaymentStatus> {
    word(PaymentStatus::ALL.iter().map(|status| (status.as_str(), *status)).collect::<Vec<_>>())
}

/// A driver can say no more of a payment than that the money is in their hand.
pub fn paid() -> impl Rule<PaymentStatus> {
    word([(PaymentStatus::Paid.as_str(), PaymentStatus::Paid)])
}

fn whole_schema(range: &RangeInclusive<usize>) -> Value {
    json!({"type": "integer", "minimum": range.start(), "maximum": range.end()})
}

fn within(number: Option<i64>, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let number = number.and_then(|number| usize::try_from(number).ok());
    let number = number.filter(|number| range.contains(number));
    number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

/// A whole number in a body.
pub fn whole_in(range: RangeInclusive<usize>) -> impl Rule<usize> {
    let same = range.clone();
    rule(move || whole_schema(&same), move |value| within(integer(value), &range))
}

/// A number in a query string.
pub fn number_in(range: RangeInclusive<usize>) -> impl Rule<usize> {
    let same = range.clone();
    rule(move || whole_schema(&same), move |value| within(value.as_str().and_then(whole::of_text), &range))
}

/// `YYYY-MM-DD`, of a four-digit year, since both databases compare those rightly.
pub fn date() -> impl Rule<NaiveDate> {
    rule(
        || json!({"type": "string", "format": "date"}),
        |value| {
            let text = value.as_str().filter(|text| text.len() == 10 && text.as_bytes()[0].is_ascii_digit());
            text.and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
                .ok_or_else(|| "must be a date as YYYY-MM-DD".to_owned())
        },
    )
}

/// A time as [`time::instant`] reads it.
pub fn instant() -> impl Rule<DateTime<Utc>> {
    rule(
        || json!({"type": ["string", "number"], "format": "date-time"}),
        |value| time::instant(value).ok_or_else(|| "must be a time such as 2026-11-20T10:30:00Z".to_owned()),
    )
}

/// Where a list goes on: what the page before gave as its `next_cursor`.
pub fn cursor<T>(read: impl Fn(&str) -> Option<T>) -> impl Rule<T> {
    rule(any_text, move |value| {
        let read = value.as_str().and_then(&read);
        read.ok_or_else(|| "must be the next_cursor of the previous page".to_owned())
    })
}

/// The id under which a notification was sent.
pub fn notification_id() -> impl Rule<Uuid> {
    rule(
        || json!({"type": "string", "format": "uuid"}),
        |value| {
            let id = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
            id.ok_or_else(|| "must be the notificationId of a notification's data".to_owned())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::usd;
    use serde_json::json;

    #[test]
    fn texts_are_bounded_in_characters_and_not_blank() {
        assert!(name().read(&json!("é".repeat(200))).is_ok());
        assert_eq!(reason().read(&json!("late\nand cold")), Ok("late\nand cold".to_owned()));
        for wrong in
            [json!("é".repeat(201)), json!(""), json!("  "), json!("a\u{0}b"), json!(7), json!(["a"])]
        {
            assert!(name().read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_and_numbers_of_people() {
        assert_eq!(username().read(&json!("Anna.b ")).map(Username::into_string).as_deref(), Ok("anna.b"));
        let number = phone_number().read(&json!("+237 123-456 789")).map(PhoneNumber::into_string);
        assert_eq!(number.as_deref(), Ok("+237123456789"));
        for wrong in [json!(""), json!("a b"), json!(7), json!(237_123_456_789_u64)] {
            assert!(username().read(&wrong).is_err() && phone_number().read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_of_other_systems_are_texts_and_a_set_rating_is_one_of_stars() {
        let read = |value: Value| external_id().read(&value).map(ExternalId::into_string);
        assert_eq!(read(json!("A-4711")).as_deref(), Ok("A-4711"));
        assert_eq!(read(json!(4711)).as_deref(), Ok("4711"));
        for wrong in [json!(""), json!(" 7"), json!(7.5), json!(true), json!(["7"])] {
            assert!(external_id().read(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(read(json!(4711.0)).as_deref(), Ok("4711"));
        assert!(
            rating().read(&json!(4.5)).is_ok()
                && rating().read(&json!(5.1)).is_err()
                && rating().read(&json!(0)).is_err()
        );
    }

    #[test]
    fn numbers_are_numbers_and_ids_whole() {
        let dollars = |value| money().read(&value).map(|amount| amount.in_currency(usd(0).currency()));
        assert_eq!((dollars(json!(45.5)), dollars(json!(45))), (Ok(usd(4550)), Ok(usd(4500))));
        assert_eq!((dollars(json!(153.4725)), dollars(json!(1.005))), (Ok(usd(15_347)), Ok(usd(101))));
        for wrong in [json!("45.5"), json!(-1), json!(-0.001), json!(1e300), json!(true)] {
            assert!(money().read(&wrong).is_err(), "{wrong}");
        }
        assert!(distance_km().read(&json!(0)).is_ok() && distance_km().read(&json!(20000.1)).is_err());
        for seven in [json!(7), json!(7.0), json!("7"), json!("7.0")] {
            assert_eq!(id().read(&seven), Ok(7i64), "{seven}");
        }
        for wrong in [json!(0), json!(-1), json!(1.5), json!("1.5"), json!("seven"), json!(""), json!(1e30)] {
            assert!(id::<i64>().read(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(ids().read(&json!([1.0, "2", 3])), Ok(vec![1i64, 2, 3]));
        assert_eq!(stars().read(&json!(5.0)), stars().read(&json!(5)));
        assert!(
            stars().read(&json!(4.5)).is_err()
                && stars().read(&json!("5")).is_err()
                && stars().read(&json!(6.0)).is_err()
        );
        assert_eq!(
            (distance_km().read(&json!("3.2 km")), duration_minutes().read(&json!("25 mins"))),
            (Ok(3.2), Ok(25))
        );
        assert!(
            distance_km().read(&json!("far")).is_err() && duration_minutes().read(&json!("soon")).is_err()
        );
        assert_eq!(latitude().read(&json!("-26.2041")), Ok(-26.2041));
        assert!(latitude().read(&json!("90.1")).is_err() && longitude().read(&json!("east")).is_err());
        assert!(ids::<i64>().read(&json!([])).is_err() && ids::<i64>().read(&json!(vec![1; 101])).is_err());
    }

    /// The schema is what others are told, so what it says is what is read.
    #[test]
    fn a_schema_says_what_is_read() {
        fn holds<T>(rule: impl Rule<T>) {
            let schema = rule.schema();
            for (name, beyond) in [("minimum", -1.0), ("maximum", 1.0)] {
                if let Some(bound) = schema[name].as_f64() {
                    assert!(rule.read(&json!(bound)).is_ok(), "{schema}");
                    assert!(rule.read(&json!(bound + beyond)).is_err(), "{schema}");
                }
            }
            for (name, beyond) in [("minLength", -1), ("maxLength", 1)] {
                if let Some(bound) = schema[name].as_i64() {
                    let text = |length: i64| json!("x".repeat(length.unsigned_abs() as usize));
                    assert!(rule.read(&text(bound)).is_ok(), "{schema}");
                    assert!(rule.read(&text(bound + beyond)).is_err(), "{schema}");
                }
            }
            for word in schema["enum"].as_array().into_iter().flatten() {
                assert!(rule.read(word).is_ok(), "{schema}");
            }
        }
        holds(name());
        holds(reason());
        holds(stars());
        holds(rating());
        holds(id::<i64>());
        holds(money());
        holds(distance_km());
        holds(duration_minutes());
        holds(latitude());
        holds(longitude());
        holds(number_from_0_to(50.0));
        holds(whole_in(1..=10));
        holds(password());
        holds(wants());
        holds(payment_method());
        holds(payment_status());
        holds(paid());
    }

    #[test]
    fn a_word_may_be_written_in_any_case() {
        let colour = word([("red", 1), ("blue", 2)]);
        assert_eq!((colour.read(&json!("RED")), colour.read(&json!("Blue"))), (Ok(1), Ok(2)));
        assert_eq!(colour.read(&json!("green")), Err("must be one of red, blue".to_owned()));
        assert!(colour.read(&json!(1)).is_err() && colour.read(&json!("")).is_err());
        assert_eq!(
            (wants().read(&json!("ONLINE")), wants().read(&json!("Busy"))),
            (Ok(Wants::Online), Ok(Wants::Paused))
        );
    }

    #[test]
    fn of_an_address_of_a_ride_the_beginning_is_kept() {
        assert_eq!(ride_address().read(&json!("é".repeat(201))), Ok("é".repeat(200)));
        assert_eq!(ride_address().read(&json!(" a\u{0}b\nc ")), Ok("ab\nc".to_owned()));
        assert_eq!(ride_address().read(&json!("  ")), Ok(String::new()));
        assert!(ride_address().read(&json!(7)).is_err());
    }

    #[test]
    fn dates_and_times_of_query_strings() {
        assert!(date().read(&json!("2001-12-31")).is_ok());
        for wrong in ["31.12.2001", "2001-02-30", "+12001-01-01", "2001-1-1", "", "héllo wörl"] {
            assert!(date().read(&json!(wrong)).is_err(), "{wrong}");
        }
        let time = instant().read(&json!("2026-11-20T12:30:00 02:00")).map(|time| time.timestamp());
        assert_eq!(time, instant().read(&json!("2026-11-20T10:30:00Z")).map(|time| time.timestamp()));
        assert_eq!(time, instant().read(&json!("2026-11-20 10:30:00")).map(|time| time.timestamp()));
        assert_eq!(time, instant().read(&json!(1_795_170_600_000_i64)).map(|time| time.timestamp()));
        assert!(instant().read(&json!("2026-11-20")).is_err() && instant().read(&json!("soon")).is_err());
        assert_eq!(
            (number_in(1..=100).read(&json!("100.0")), number_in(1..=100).read(&json!(" 7 "))),
            (Ok(100), Ok(7))
        );
        assert_eq!(number_in(1..=100).read(&json!("100")), Ok(100));
        for wrong in ["0", "101", "-1", "7.5", "ten", ""] {
            assert!(number_in(1..=100).read(&json!(wrong)).is_err(), "{wrong}");
        }
        assert!(
            time_zone().read(&json!("Africa/Douala")).is_ok()
                && time_zone().read(&json!("Mars/Base")).is_err()
        );
    }
}
