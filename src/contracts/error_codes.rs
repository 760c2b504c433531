//! The error codes: one table of every code that a client sees, in the bodies of REST (`application/problem+json`) and in
//! the `error` messages of sockets. `api::problem` and the contracts put them on the wire, documents print them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;

/// Whether the same request may succeed later without being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    No,
    /// After the time that was said, or a second.
    Later,
}

macro_rules! error_codes {
    ($($code:ident, $word:literal, $status:literal, $retry:ident, $title:literal;)+) => {
        /// Why a client's request or message was not carried out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $title] $code,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$code),+];

            /// The word on the wire. Fixed: clients compare it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $word),+ }
            }

            /// The HTTP status. A code of sockets alone has the status that REST would answer.
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status),+ }
            }

            pub const fn retry(self) -> Retry {
                match self { $(Self::$code => Retry::$retry),+ }
            }

            /// The same text for every occurrence; `detail` has the particulars of one.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$code => $title),+ }
            }
        }
    };
}

error_codes! {
    // The request or message itself.
    BadRequest, "bad_request", 400, No, "The request can't be read";
    NotJson, "not_json", 400, No, "The body is not JSON";
    InvalidIdempotencyKey, "invalid_idempotency_key", 400, No, "The Idempotency-Key can't be used";
    BodyTooSlow, "body_too_slow", 408, Later, "The body did not arrive in time";
    BodyTooLarge, "body_too_large", 413, No, "The body is too large";
    MisdirectedRequest, "misdirected_request", 421, No, "The server does not answer to this host name";
    UnsupportedMediaType, "unsupported_media_type", 415, No, "The body's media type is not application/json";
    InvalidFields, "invalid_fields", 422, No, "Fields are missing or wrong";
    IdempotencyKeyReused, "idempotency_key_reused", 422, No, "The Idempotency-Key was already used for a different request";

    // Only on sockets.
    InvalidMessage, "invalid_message", 400, No, "The message does not match its contract";
    UnknownType, "unknown_type", 400, No, "The message has an unknown type";
    InvalidPosition, "invalid_position", 422, No, "The position is missing or out of range";
    PositionAdjusted, "position_adjusted", 422, No, "The position was accepted without its unreadable fields";
    RateLimited, "rate_limited", 429, Later, "Too many messages in a short time";
    Busy, "busy", 503, Later, "The server can't accept it right now";

    // The caller.
    Unauthorized, "unauthorized", 401, No, "An access token is missing, wrong or expired";
    WrongCredentials, "wrong_credentials", 401, No, "User name, phone number or password is wrong";
    InvalidRefreshToken, "invalid_refresh_token", 401, No, "The refresh token is not valid";
    InvalidSignature, "invalid_signature", 401, No, "The request's signature is missing or wrong";
    Forbidden, "forbidden", 403, No, "This account may not do that";
    RegistrationDisabled, "registration_disabled", 403, No, "Only an operator can create accounts here";
    WrongPassword, "wrong_password", 403, No, "The old password is wrong";
    NewPasswordRequired, "new_password_required", 403, No, "The one-time password must be replaced with a new one";
    CodeRequired, "code_required", 403, No, "A second-factor code is required";
    WrongCode, "wrong_code", 403, No, "The code is wrong or was already used";
    SecondFactorRequired, "second_factor_required", 403, No, "Operators need a second factor here";
    TooManyRequests, "too_many_requests", 429, Later, "Too many attempts";
    TooManyOpenJobs, "too_many_open_jobs", 429, Later, "The limit of open jobs is reached";

    // The object of the request.
    NotFound, "not_found", 404, No, "There is no such resource";
    MethodNotAllowed, "method_not_allowed", 405, No, "The method is not allowed here";
    OrderState, "order_state", 409, No, "The order's state does not allow it";
    RideState, "ride_state", 409, No, "The ride's state does not allow it";
    BookingState, "booking_state", 409, No, "The booking's state does not allow it";
    PaymentState, "payment_state", 409, No, "The payment's state does not allow it";
    NotCash, "not_cash", 409, No, "The job is not paid in cash";
    RideTaken, "ride_taken", 409, No, "Another driver has the ride";
    OfferEnded, "offer_ended", 409, No, "The offer of the ride has ended";
    AlreadyRated, "already_rated", 409, No, "The ride has already been rated";
    DriverSuspended, "driver_suspended", 409, No, "The driver is suspended";
    DriverBusy, "driver_busy", 409, Later, "The driver is on a ride or a service";
    DriverFull, "driver_full", 409, Later, "The driver holds as many jobs as allowed";
    RoomFull, "room_full", 409, Later, "Too many connections follow this ride";
    TooManyRides, "too_many_rides", 409, No, "The connection follows too many rides";
    NoDrivers, "no_drivers", 409, Later, "No available driver was found";
    UsernameTaken, "username_taken", 409, No, "The user name is taken";
    PhoneNumberTaken, "phone_number_taken", 409, No, "The phone number is taken";
    OpenJobs, "open_jobs", 409, No, "The person has open jobs";
    ExternalIdTaken, "external_id_taken", 409, No, "The external id is taken";
    OwnPassword, "own_password", 409, No, "Changing your own password requires the old one";
    NoEnrolment, "no_enrolment", 409, No, "No second factor is waiting to be confirmed";
    OwnFactor, "own_factor", 409, No, "Changing your own second factor requires a code from it";
    LastAdmin, "last_admin", 409, No, "At least one admin must remain";
    NoPickupPosition, "no_pickup_position", 422, No, "The order has no pickup position to search from";
    PaymentMismatch, "payment_mismatch", 422, No, "The amount or currency does not match the job's";
    OrderTwice, "order_twice", 422, No, "The batch names an order twice";

    // The server.
    Internal, "internal_error", 500, No, "Something went wrong in the server";
    Unavailable, "unavailable", 503, Later, "The server can't do it right now";
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        let known = Self::ALL.iter().find(|code| code.as_str() == word);
        known.copied().ok_or_else(|| de::Error::custom(format!("there is no error code {word:?}")))
    }
}

impl JsonSchema for ErrorCode {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Self::ALL.iter().map(|code| code.as_str()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_word_means_one_thing_and_a_server_that_is_overloaded_asks_to_come_again() {
        let words: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code:?}");
            if matches!(code.status(), 429 | 503) {
                assert_eq!(code.retry(), Retry::Later, "{code:?}");
            }
        }
    }

    /// One line of the documents' table: its codes, its status, and whether to try again.
    fn documented(line: &str) -> Option<(Vec<&str>, &str, &str)> {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        let &[codes, status, again, meaning] = &cells[..] else { panic!("four cells: {line}") };
        assert!(!meaning.is_empty(), "{line}");
        // Every second piece of a text that is split at its backticks is between two of them.
        Some((codes.split('`').skip(1).step_by(2).collect(), status, again))
    }

    /// A blank line had cut the table in two, so that its end was read as text, and a code was in it twice.
    #[test]
    fn the_documents_have_each_code_once_in_one_table_with_its_status() {
        const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");
        let (_, section) = PROTOCOL.split_once("\n## Error codes\n").expect("the section is there");
        let (_, table) = section.split_once("| --- | --- | --- | --- |\n").expect("the table is there");
        let mut left: Vec<ErrorCode> = ErrorCode::ALL.to_vec();
        for (words, status, again) in table.lines().map_while(documented) {
            for word in words {
                let place = left.iter().position(|code| code.as_str() == word);
                let code = left.remove(place.unwrap_or_else(|| panic!("{word} is twice, or no code")));
                let is_of_sockets = status.starts_with("socket");
                assert!(is_of_sockets || status == code.status().to_string(), "{word}: {status}");
                let expected = if code.retry() == Retry::Later { "later" } else { "no" };
                assert_eq!(again, expected, "{word}");
            }
        }
        assert!(left.is_empty(), "not in the table: {left:?}");
    }
}
