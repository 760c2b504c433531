//! Notifications: which events are pushed, with which title and text, how urgent each is and for how long it is worth
//! sending. One table; English is built in, and a file of templates supplies other languages.

use crate::domain::booking::BookingStatus;
use crate::domain::event::{BookingUpdate, EventBody, RideAssignment};
use crate::domain::ids::JobId;
use crate::domain::push::Priority;
use crate::domain::ride::CancelCode;
use crate::domain::words::words;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A title longer than this fits on no screen.
pub const TITLE_CHARS_MAX: usize = 200;
/// More text than any service carries.
pub const BODY_CHARS_MAX: usize = 4000;

words! {
    /// The state of a notification.
    NotificationStatus {
        Pending = "pending",
        /// A push service has accepted it.
        Sent = "sent",
        Failed = "failed",
        /// It was not to be sent: no credentials, no device, not wanted, or no longer needed.
        NotSent = "not_sent",
    }
}

/// The text for a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// `data.type`, by which customers opt out and statistics count.
    pub kind: String,
    pub title: String,
    pub body: String,
    pub data: Map<String, Value>,
    pub priority: Priority,
    /// Quiet hours do not hold it back: it is about a job in progress.
    pub is_urgent: bool,
    /// From the event on.
    pub timely_for: TimeDelta,
}

/// The occasion of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occasion {
    RideAccepted,
    DriverArrived,
    RideStarted,
    RideCompleted,
    RideCancelled,
    NoDrivers,
    DriverCancelled,
    OrderAssigned,
    OrderPickedUp,
    OrderDelivered,
    OrderCancelled,
    TechnicianAssigned,
    JourneyStarted,
    TechnicianReached,
    ServiceStarted,
    ServiceCompleted,
    BookingCancelled,
    Test,
}

/// A row of the table.
struct Row {
    occasion: Occasion,
    /// Its name in the file of templates; for most the `type` of the notification.
    name: &'static str,
    title: &'static str,
    body: &'static str,
    /// The fields in braces in its templates.
    fields: &'static [&'static str],
    priority: Priority,
    is_urgent: bool,
    timely_for_minutes: i64,
}

/// "The driver is there" is of use for minutes, "it is done" for the rest of the day.
const NOW_MINUTES: i64 = 15;
const SOON_MINUTES: i64 = 60;
const TODAY_MINUTES: i64 = 12 * 60;

const fn row(occasion: Occasion, name: &'static str, title: &'static str, body: &'static str) -> Row {
    Row {
        occasion,
        name,
        title,
        body,
        fields: &[],
        priority: Priority::High,
        is_urgent: true,
        timely_for_minutes: NOW_MINUTES,
    }
}

impl Row {
    const fn fields(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = fields;
        self
    }

    const fn timely_for(mut self, minutes: i64) -> Self {
        self.timely_for_minutes = minutes;
        self
    }

    /// It can wait for the phone, and for the morning.
    const fn calm(mut self) -> Self {
        self.priority = Priority::Normal;
        self.is_urgent = false;
        self
    }
}

/// The fields in braces of a booking's texts.
const BOOKING: &[&str] = &["name", "trackId"];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row(Occasion::RideAccepted, "ride_accepted", "Your driver is on the way! 🚗", "{name} is coming for you ({vehicle} {plate}).")
        .fields(&["name", "vehicle", "plate"]),
    row(Occasion::DriverArrived, "driver_arrived", "Your driver has arrived! ✅", "Your driver is waiting at the pickup."),
    row(Occasion::RideStarted, "ride_started", "Your ride has started", "Have a good trip."),
    row(Occasion::RideCompleted, "ride_completed", "You have arrived! 🎉", "Your ride is completed.")
        .calm().timely_for(TODAY_MINUTES),
    row(Occasion::RideCancelled, "ride_cancelled", "Your ride was cancelled ❌", "Your ride has been cancelled.")
        .timely_for(SOON_MINUTES),
    row(Occasion::NoDrivers, "no_drivers", "No driver found", "No driver is available near you. Please try again later."),
    row(Occasion::DriverCancelled, "driver_cancelled", "Looking for another driver", "Your driver had to cancel. We are looking for another one."),
    row(Occasion::OrderAssigned, "order_assigned", "A courier has your order! 🛵", "A courier is on the way to {restaurant}.")
        .fields(&["restaurant"]).timely_for(SOON_MINUTES),
    row(Occasion::OrderPickedUp, "order_picked_up", "Your order is on its way! 🛵", "The courier has picked up your order.")
        .timely_for(SOON_MINUTES),
    row(Occasion::OrderDelivered, "order_delivered", "Your order has arrived! 🎉", "Your order has been delivered.")
        .timely_for(SOON_MINUTES),
    row(Occasion::OrderCancelled, "order_cancelled", "Your order was cancelled ❌", "Your order has been cancelled.")
        .timely_for(TODAY_MINUTES),
    // The service app's own words.
    row(Occasion::TechnicianAssigned, "technician_assigned", "Technician Assigned! 🚗", "{name} has been assigned to your booking {trackId}. They will contact you soon.")
        .fields(BOOKING).timely_for(TODAY_MINUTES),
    row(Occasion::JourneyStarted, "startjourney", "Technician is on the way! 🚗", "{name} has started the journey to your location. (Booking: {trackId})")
        .fields(BOOKING).calm().timely_for(SOON_MINUTES),
    row(Occasion::TechnicianReached, "reached", "Technician has arrived! ✅", "{name} has reached your location and is ready to start. (Booking: {trackId})")
        .fields(BOOKING).timely_for(SOON_MINUTES),
    row(Occasion::ServiceStarted, "startservice", "Service Started! 🔧", "{name} has begun working on your vehicle. (Booking: {trackId})")
        .fields(BOOKING).timely_for(SOON_MINUTES),
    row(Occasion::ServiceCompleted, "completed", "Service Completed! 🎉", "Your vehicle service has been completed successfully. (Booking: {trackId})")
        .fields(BOOKING).timely_for(TODAY_MINUTES),
    row(Occasion::BookingCancelled, "cancelled", "Booking Cancelled ❌", "Your service booking has been cancelled. (Booking: {trackId})")
        .fields(BOOKING).calm().timely_for(TODAY_MINUTES),
    row(Occasion::Test, "test", "Test Push Notification", "This is a test notification to verify the system is working.")
        .calm().timely_for(SOON_MINUTES),
];

impl Occasion {
    /// The occasion of a customer's event, if it is pushed while the app is closed. Chat messages are not: nobody
    /// should read them on a locked screen. Neither are drivers who are not heard from: most come back by themselves.
    pub fn of(body: &EventBody) -> Option<Occasion> {
        match body {
            EventBody::RideAccepted(_) => Some(Occasion::RideAccepted),
            EventBody::DriverArrived { .. } => Some(Occasion::DriverArrived),
            EventBody::RideStarted { .. } => Some(Occasion::RideStarted),
            EventBody::RideCompleted { .. } => Some(Occasion::RideCompleted),
            EventBody::RideCancelled { code: Some(CancelCode::NoDrivers), .. } => Some(Occasion::NoDrivers),
            EventBody::RideCancelled { code: None, .. } => Some(Occasion::RideCancelled),
            EventBody::DriverCancelled { .. } => Some(Occasion::DriverCancelled),
            EventBody::OrderAssigned(_) => Some(Occasion::OrderAssigned),
            EventBody::OrderPickedUp { .. } => Some(Occasion::OrderPickedUp),
            EventBody::OrderDelivered { .. } => Some(Occasion::OrderDelivered),
            EventBody::OrderCancelled { .. } => Some(Occasion::OrderCancelled),
            EventBody::BookingUpdated(update) => Occasion::of_booking(update.status),
            EventBody::RideRequested(_)
            | EventBody::RideUnavailable { .. }
            | EventBody::DriverUnreachable { .. }
            | EventBody::PaymentUpdated(_)
            | EventBody::ChatMessage { .. } => None,
        }
    }

    fn of_booking(status: BookingStatus) -> Option<Occasion> {
        match status {
            // The technician is gone; the next one is worth telling.
            BookingStatus::Pending => None,
            BookingStatus::Assigned => Some(Occasion::TechnicianAssigned),
            BookingStatus::StartJourney => Some(Occasion::JourneyStarted),
            BookingStatus::Reached => Some(Occasion::TechnicianReached),
            BookingStatus::StartService => Some(Occasion::ServiceStarted),
            BookingStatus::Completed => Some(Occasion::ServiceCompleted),
            BookingStatus::Cancelled => Some(Occasion::BookingCancelled),
        }
    }

    fn row(self) -> &'static Row {
        TABLE
            .iter()
            .find(|row| row.occasion == self)
            .expect("each occasion has its row; a test holds them to it")
    }
}

/// The values for a template's braces, and the data that the app gets besides the text.
struct Facts {
    fields: Vec<(&'static str, String)>,
    data: Map<String, Value>,
}

impl Facts {
    fn of(body: &EventBody) -> Self {
        let (mut fields, mut data) = (Vec::new(), Map::new());
        if let Some(ride) = body.ride_id() {
            data.insert("rideId".to_owned(), json!(ride));
        }
        match body {
            EventBody::RideAccepted(assignment) => fields = driver_fields(assignment),
            EventBody::OrderAssigned(order) => {
                fields.push(("restaurant", order.restaurant_name.clone()));
                data.insert("orderId".to_owned(), order_id(order.order_id));
            }
            EventBody::OrderPickedUp { order_id: id }
            | EventBody::OrderDelivered { order_id: id }
            | EventBody::OrderCancelled { order_id: id, .. } => {
                data.insert("orderId".to_owned(), order_id(*id));
            }
            EventBody::BookingUpdated(update) => return Self::of_booking(update),
            _ => {}
        }
        Self { fields, data }
    }

    fn of_booking(update: &BookingUpdate) -> Self {
        let BookingUpdate { booking_id, track_id, status, technician_name, .. } = update;
        let fields = vec![("name", technician_name.clone()), ("trackId", track_id.clone())];
        let priority = match Occasion::of_booking(*status).map(|occasion| occasion.row().priority) {
            Some(Priority::High) => "high",
            _ => "normal",
        };
        let data = [
            ("bookingId", booking_id.to_string()),
            ("trackId", track_id.clone()),
            ("status", status.as_str().to_owned()),
            ("techName", technician_name.clone()),
            ("priority", priority.to_owned()),
        ];
        let data = data.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect();
        Self { fields, data }
    }
}

fn driver_fields(assignment: &RideAssignment) -> Vec<(&'static str, String)> {
    let driver = &assignment.driver;
    let plate = driver.plate.clone().unwrap_or_default();
    vec![("name", driver.name.clone()), ("vehicle", driver.vehicle_type.clone()), ("plate", plate)]
}

/// FCM's data has texts only, and an app should find the same everywhere.
fn order_id(id: JobId) -> Value {
    Value::String(id.to_string())
}

/// The texts in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    /// Title and body of what the file of templates has.
    own: BTreeMap<Occasion, (String, String)>,
}

impl Texts {
    /// The built-in ones.
    pub const fn english() -> Self {
        Self { own: BTreeMap::new() }
    }

    /// Those of a file: `{"ride_accepted": {"title": "…", "body": "…"}, …}`. Texts that it does not contain stay
    /// English. All problems with it are reported at once.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let file: BTreeMap<String, Template> =
            serde_json::from_str(text).map_err(|error| format!("not a file of templates: {error}"))?;
        let (mut own, mut problems) = (BTreeMap::new(), Vec::new());
        for (name, template) in file {
            let Some(row) = TABLE.iter().find(|row| row.name == name) else {
                problems.push(format!("{name} is no notification of this version"));
                continue;
            };
            problems.extend(problems_of(row, "title", &template.title, TITLE_CHARS_MAX));
            problems.extend(problems_of(row, "body", &template.body, BODY_CHARS_MAX));
            own.insert(row.occasion, (template.title, template.body));
        }
        if problems.is_empty() { Ok(Self { own }) } else { Err(problems.join("; ")) }
    }

    /// The text of an event for its customer, if the event is pushed.
    pub fn of(&self, body: &EventBody) -> Option<Content> {
        let occasion = Occasion::of(body)?;
        let facts = Facts::of(body);
        Some(self.content(occasion, &facts.fields, facts.data))
    }

    /// The notification by which an operator tries whether it works. `timestamp` is RFC 3339.
    pub fn test(&self, timestamp: String) -> Content {
        let data = [("timestamp", timestamp), ("test", "true".to_owned())];
        let data = data.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect();
        self.content(Occasion::Test, &[], data)
    }

    fn content(&self, occasion: Occasion, fields: &[(&str, String)], data: Map<String, Value>) -> Content {
        let row = occasion.row();
        let own = self.own.get(&occasion);
        let (title, body) =
            own.map_or((row.title, row.body), |(title, body)| (title.as_str(), body.as_str()));
        let mut with_type = Map::new();
        with_type.insert("type".to_owned(), Value::String(row.name.to_owned()));
        with_type.extend(data);
        Content {
            kind: row.name.to_owned(),
            title: filled(title, fields),
            body: filled(body, fields),
            data: with_type,
            priority: row.priority,
            is_urgent: row.is_urgent,
            timely_for: TimeDelta::minutes(row.timely_for_minutes),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    title: String,
    body: String,
}

fn problems_of(row: &Row, what: &str, template: &str, chars_max: usize) -> Vec<String> {
    let mut problems = Vec::new();
    if template.trim().is_empty() || template.chars().count() > chars_max {
        problems.push(format!("{}: its {what} must have 1 to {chars_max} characters", row.name));
    }
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let (field, next) = after.split_once('}').unwrap_or((after, ""));
        if !row.fields.contains(&field) {
            let known = row.fields.iter().map(|field| format!("{{{field}}}")).collect::<Vec<_>>().join(" ");
            let known = if known.is_empty() { "nothing".to_owned() } else { known };
            problems.push(format!("{}: its {what} has {{{field}}}, where it may have {known}", row.name));
        }
        rest = next;
    }
    problems
}

/// In one pass: what a field holds is no template.
fn filled(template: &str, fields: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (field, next) = after.split_once('}').unwrap_or((after, ""));
        if let Some((_, value)) = fields.iter().find(|(name, _)| *name == field) {
            text.push_str(value);
        }
        rest = next;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{DriverCard, OrderSummary};
    use crate::domain::ids::DriverId;
    use crate::domain::money::usd;
    use crate::domain::ride::{CancelledBy, RideId};
    use uuid::Uuid;

    fn accepted(name: &str) -> EventBody {
        EventBody::RideAccepted(Box::new(RideAssignment {
            ride_id: RideId::new("r1").expect("a ride id"),
            booking_id: JobId(1),
            driver: DriverCard {
                public_id: Uuid::nil(),
                id: DriverId(7),
                name: name.to_owned(),
                phone: Some("+27123456789".to_owned()),
                vehicle_type: "moto".to_owned(),
                plate: Some("CM-1234-AB".to_owned()),
                color: None,
                rating: 4.8,
                position: None,
            },
            estimated_arrival: Some(5),
        }))
    }

    #[test]
    fn each_row_of_the_table_is_one_occasion_and_has_only_the_fields_it_names() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..at].iter().all(|other| other.occasion != row.occasion && other.name != row.name));
            let template = |what, text| problems_of(row, what, text, TITLE_CHARS_MAX);
            assert_eq!(template("title", row.title), [] as [&str; 0]);
            assert_eq!(template("body", row.body), [] as [&str; 0]);
        }
    }

    #[test]
    fn an_accepted_ride_names_driver_and_vehicle_and_no_phone_number() {
        let content = Texts::english().of(&accepted("John {plate}")).expect("it is pushed");
        assert_eq!(
            content.body, "John {plate} is coming for you (moto CM-1234-AB).",
            "a name is no template"
        );
        assert_eq!(Value::Object(content.data), json!({"type": "ride_accepted", "rideId": "r1"}));
        assert!(content.is_urgent && content.priority == Priority::High);
    }

    #[test]
    fn a_search_that_found_nobody_reads_otherwise_than_a_cancelled_ride() {
        let cancelled = |code| EventBody::RideCancelled {
            ride_id: RideId::new("r1").expect("a ride id"),
            cancelled_by: CancelledBy::System,
            reason: "Passenger's own words".to_owned(),
            code,
        };
        let kind = |code| Texts::english().of(&cancelled(code)).expect("it is pushed").kind;
        assert_eq!(kind(Some(CancelCode::NoDrivers)), "no_drivers");
        assert_eq!(kind(None), "ride_cancelled");
    }

    #[test]
    fn an_orders_notifications_name_the_order_as_a_text() {
        let order = OrderSummary {
            order_id: JobId(17),
            restaurant_name: "Burger King".to_owned(),
            pickup_address: String::new(),
            delivery_address: "Indiranagar".to_owned(),
            earnings: usd(4550),
            distance_km: 3.2,
        };
        let content = Texts::english().of(&EventBody::OrderAssigned(order)).expect("it is pushed");
        assert_eq!(content.body, "A courier is on the way to Burger King.");
        assert_eq!(Value::Object(content.data), json!({"type": "order_assigned", "orderId": "17"}));
    }

    /// Of the contract's vectors: title, body with its suffix, type, and what the data has of the booking.
    #[test]
    fn a_bookings_notifications_are_those_of_the_vectors() {
        let vectors: Value = serde_json::from_str(include_str!("../contracts/vectors/push.json"))
            .expect("the vectors are JSON");
        let texts = &vectors["texts"];
        let text = |value: &Value| {
            value.as_str().expect("a text").replace("{name}", "John").replace("{trackId}", "BID123")
        };
        let high: Vec<&str> = vectors["high_priority_statuses"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for status in BookingStatus::ALL {
            let update = BookingUpdate {
                booking_id: JobId(456),
                track_id: "BID123".to_owned(),
                status,
                technician_name: "John".to_owned(),
                reason: Some("Only for the app".to_owned()),
            };
            let content = Texts::english().of(&EventBody::BookingUpdated(update));
            let (key, kind) = match status {
                BookingStatus::Pending => {
                    assert_eq!(content, None);
                    continue;
                }
                BookingStatus::Assigned => ("technician_assigned", "technician_assigned".to_owned()),
                other => (other.as_str(), other.as_str().to_lowercase()),
            };
            let content = content.expect(key);
            let vector = &texts[key];
            let suffix = if vector["suffix"] == false { String::new() } else { text(&texts["suffix"]) };
            assert_eq!(content.title, text(&vector["title"]));
            assert_eq!(content.body, text(&vector["body"]) + &suffix);
            let is_high = key == "technician_assigned" || high.contains(&key);
            assert_eq!(content.priority == Priority::High, is_high, "{key}");
            let priority = if is_high { "high" } else { "normal" };
            assert_eq!(
                Value::Object(content.data),
                json!({"type": kind, "bookingId": "456", "trackId": "BID123", "status": status.as_str(),
                    "techName": "John", "priority": priority})
            );
        }
    }

    #[test]
    fn nobody_reads_a_chat_on_a_locked_screen() {
        let chat = EventBody::ChatMessage {
            ride_id: RideId::new("r1").expect("a ride id"),
            from: Uuid::nil(),
            text: "I am the one with the red hat".to_owned(),
        };
        assert_eq!(Texts::english().of(&chat), None);
    }

    #[test]
    fn another_language_replaces_what_it_has() {
        let french =
            r#"{"ride_accepted": {"title": "Votre chauffeur arrive", "body": "{name} arrive ({plate})."}}"#;
        let texts = Texts::from_json(french).expect("a file of templates");
        assert_eq!(texts.of(&accepted("Awa")).expect("it is pushed").body, "Awa arrive (CM-1234-AB).");
        assert_eq!(texts.test(String::new()).title, "Test Push Notification");
    }

    #[test]
    fn all_that_is_wrong_with_a_file_of_templates_is_said() {
        let wrong = r#"{"ride_accepted": {"title": "", "body": "{name} {phone}"}, "ride_lost": {"title": "x", "body": "y"},
            "ride_started": {"title": "x{", "body": "y"}}"#;
        let said = Texts::from_json(wrong).expect_err("it is wrong");
        for part in
            ["its title must have", "{phone}", "{name} {vehicle} {plate}", "ride_lost", "ride_started"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(Texts::from_json("[]").is_err() && Texts::from_json(r#"{"test": {"title": "x"}}"#).is_err());
    }
}
