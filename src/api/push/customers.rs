//! Customers' preferences and notification history, and the operators' view of them.

use super::caller::PushCaller;
use super::{EXTERNAL_ID, customer_meant, word_rule};
use crate::api::fields::Fields;
use crate::api::operators::id_cursor;
use crate::api::problem::Problem;
use crate::api::request::{Asked, Request, Sent};
use crate::api::respond::{Answered, json, page, page_limit};
use crate::api::rules::{Rule, rule};
use crate::api::{Context, rules};
use crate::contracts::operators::Page;
use crate::contracts::push::Preferences as Wire;
use crate::contracts::push::{DeviceItem, Done, HistoryItem, PushStats, QuietHours as WireHours, StatsItem};
use crate::contracts::time::WireTime;
use crate::domain::external_id::Named;
use crate::domain::ids::CustomerId;
use crate::domain::push::PushService;
use crate::domain::quiet_hours::QuietHours;
use crate::operations::push::{self, Preferences};
use crate::store::{CountRow, DeviceRow, NotificationRow};
use actix_web::web;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

/// More types than there are.
const OPT_OUT_MAX: usize = 100;
const STATS_HOURS: usize = 24;
const STATS_HOURS_MAX: usize = 168;

/// The customer that a query names, if it names one.
fn named(fields: &mut Fields<'_>) -> Option<Named<CustomerId>> {
    fields.named("customerId", &[EXTERNAL_ID])
}

/// The customer that a query names, where it may name one.
pub struct CustomerAsked(Option<Named<CustomerId>>);

impl Request for CustomerAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self(named(fields)))
    }
}

async fn customer_of(
    ctx: &Context,
    caller: &PushCaller,
    query: &Asked<CustomerAsked>,
) -> Result<CustomerId, Problem> {
    let CustomerAsked(named) = query.read()?;
    customer_meant(ctx, caller, named).await
}

/// `GET preferences`: a customer's own; an operator names whose.
pub async fn preferences(
    ctx: web::Data<Context>,
    caller: PushCaller,
    query: Asked<CustomerAsked>,
) -> Answered<Wire> {
    let customer = customer_of(&ctx, &caller, &query).await?;
    let zone = ctx.settings.region.time_zone;
    let found = ctx.read(move |conn| push::preferences(conn, customer, zone)).await?;
    let (preferences, zone) = found.ok_or_else(|| Problem::not_found("customer"))?;
    Ok(json(&shown(&preferences, zone)))
}

/// `PUT preferences`: as a whole.
pub async fn set_preferences(
    ctx: web::Data<Context>,
    caller: PushCaller,
    query: Asked<CustomerAsked>,
    body: Sent<PreferencesWanted>,
) -> Answered<Done<'static>> {
    let customer = customer_of(&ctx, &caller, &query).await?;
    let PreferencesWanted(new) = body.read()?;
    ctx.write(move |tx| push::set_preferences(tx, customer, &new)).await?;
    Ok(json(&Done::PREFERENCES_SET))
}

/// The input of `PUT preferences`.
#[derive(Debug)]
pub struct PreferencesWanted(Preferences);

impl Request for PreferencesWanted {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let opt_out = fields.optional("optOut", types());
        let quiet_hours = fields.optional("quietHours", quiet_hours());
        let time_zone = fields.optional("timeZone", rules::time_zone());
        Some(Self(Preferences { opt_out: opt_out.unwrap_or_default(), quiet_hours, time_zone }))
    }
}

/// Types of notifications.
fn types() -> impl Rule<Vec<String>> {
    rule(
        || json!({"type": "array", "items": word_rule().schema(), "maxItems": OPT_OUT_MAX}),
        |value| {
            let types = value.as_array().filter(|types| types.len() <= OPT_OUT_MAX);
            let types = types.ok_or_else(|| format!("must be a list of at most {OPT_OUT_MAX} types"))?;
            types.iter().map(|one| word_rule().read(one)).collect()
        },
    )
}

fn quiet_hours() -> impl Rule<QuietHours> {
    rule(
        || {
            let time = json!({"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"});
            json!({"type": "object", "properties": {"start": time, "end": time}, "required": ["start", "end"]})
        },
        |value| {
            let time = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
            QuietHours::parse(time("start"), time("end")).map_err(|error| error.to_string())
        },
    )
}

fn shown(preferences: &Preferences, zone: Tz) -> Wire {
    let hours = preferences.quiet_hours.map(|hours| WireHours { start: hours.start(), end: hours.end() });
    Wire { opt_out: preferences.opt_out.clone(), quiet_hours: hours, time_zone: zone.name() }
}

/// The input of `GET history`.
pub struct HistoryAsked {
    named: Option<Named<CustomerId>>,
    before: i64,
    limit: usize,
}

impl Request for HistoryAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let named = named(fields);
        let (before, limit) = (id_cursor(fields), page_limit(fields));
        Some(Self { named, before: before.unwrap_or(i64::MAX), limit })
    }
}

/// `GET history`: the newest first.
pub async fn history(
    ctx: web::Data<Context>,
    caller: PushCaller,
    query: Asked<HistoryAsked>,
) -> Answered<Page<HistoryItem>> {
    let HistoryAsked { named, before, limit } = query.read()?;
    let customer = customer_meant(&ctx, &caller, named).await?;
    let rows = ctx.read(move |conn| push::history(conn, customer, before, limit as i64 + 1)).await?;
    Ok(json(&page(rows, limit, |row| row.id.to_string(), item)))
}

fn item(row: NotificationRow) -> HistoryItem {
    HistoryItem {
        id: row.public_id,
        kind: row.notification_type,
        title: row.title,
        body: row.body,
        // Written by us as an object.
        data: RawValue::from_string(row.data).unwrap_or_else(|_| empty()),
        status: row.status,
        provider: row.provider,
        reason: row.reason,
        sent_at: row.sent_at.map(Into::into),
        opened_at: row.opened_at.map(Into::into),
    }
}

fn empty() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("an object")
}

/// The input of `POST opened`.
pub struct OpenedBy(Uuid);

impl Request for OpenedBy {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.required("notificationId", rules::notification_id()).map(Self)
    }
}

/// `POST opened`: the app was opened by a notification.
pub async fn opened(
    ctx: web::Data<Context>,
    caller: PushCaller,
    body: Sent<OpenedBy>,
) -> Answered<Done<'static>> {
    let own = caller.own()?;
    let OpenedBy(notification) = body.read()?;
    ctx.write(move |tx| push::open(tx, notification, own)).await?;
    Ok(json(&Done::OPENED))
}

/// The input of `GET stats`.
pub struct StatsAsked {
    hours: usize,
}

impl Request for StatsAsked {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { hours: fields.optional_or("hours", rules::number_in(1..=STATS_HOURS_MAX), STATS_HOURS) })
    }
}

/// `GET stats`: of the last `hours`.
pub async fn stats(ctx: web::Data<Context>, _: PushCaller, query: Asked<StatsAsked>) -> Answered<PushStats> {
    let StatsAsked { hours } = query.read()?;
    let since = ctx.clock.now() - TimeDelta::hours(hours as i64);
    let counts = ctx.read(move |conn| push::counts(conn, since)).await?;
    let pruned = counts.pruned.into_iter().map(|(service, count)| (service.as_str(), count)).collect();
    let items = counts.rows.into_iter().map(counted).collect();
    Ok(json(&PushStats { since: WireTime(since), items, pruned }))
}

fn counted(row: CountRow) -> StatsItem {
    let is_any = row.sent > 0;
    StatsItem {
        kind: row.notification_type,
        provider: Some(row.provider).filter(|provider| !provider.is_empty()),
        sent: row.sent,
        failed: row.failed,
        not_sent: row.not_sent,
        pending: row.pending,
        opened: row.opened,
        accept_ms_mean: is_any.then(|| row.accept_ms_sum / row.sent.max(1)),
        accept_ms_max: is_any.then_some(row.accept_ms_max),
    }
}

/// `GET devices`: which devices a customer has, for the operator's console.
pub async fn devices(
    ctx: web::Data<Context>,
    caller: PushCaller,
    query: Asked<CustomerAsked>,
) -> Answered<Page<DeviceItem>> {
    let customer = customer_of(&ctx, &caller, &query).await?;
    let rows = ctx.read(move |conn| push::devices_shown(conn, customer)).await?;
    Ok(json(&page(rows, usize::MAX, |row| row.id.0.to_string(), device)))
}

fn device(row: DeviceRow) -> DeviceItem {
    let living = push::device_of(&row);
    let of = |service, is_there: bool| {
        let state = if living.token(service).is_some() { "active" } else { "dead" };
        is_there.then(|| (service.as_str(), state))
    };
    let tokens = [
        of(PushService::Fcm, row.fcm_token.is_some()),
        of(PushService::Apns, row.apns_token.is_some()),
        of(PushService::Expo, row.expo_push_token.is_some()),
    ];
    DeviceItem {
        customer_id: row.customer_id,
        platform: row.platform.as_str(),
        tokens: tokens.into_iter().flatten().collect(),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
        device_id: row.device_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::request;

    fn read(value: Value) -> Result<Preferences, Problem> {
        let Value::Object(object) = value else { panic!("an object") };
        request::read(&object).map(|PreferencesWanted(wanted)| wanted)
    }

    #[test]
    fn preferences_are_read_whole_and_what_is_not_said_is_everything_at_any_time() {
        let read_all =
            read(json!({"optOut": ["ride_completed"], "quietHours": {"start": "22:00", "end": "07:00"},
            "timeZone": "Africa/Johannesburg"}));
        let preferences = read_all.expect("preferences");
        assert!(!preferences.wants("ride_completed") && preferences.wants("ride_accepted"));
        assert!(!preferences.wants("Ride_Completed"), "an opt-out holds however the type is written");
        assert_eq!(shown(&preferences, Tz::Africa__Johannesburg).quiet_hours.expect("some").start, "22:00");
        assert_eq!(read(json!({"quietHours": null})).expect("preferences"), Preferences::default());
        for wrong in [
            json!({"optOut": "all"}),
            json!({"optOut": [7]}),
            json!({"quietHours": {"start": "22:00"}}),
            json!({"quietHours": "22-07"}),
            json!({"timeZone": "Mars/Olympus"}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
