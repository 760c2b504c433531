//! Registers and unregisters devices. A device's tokens are taken from their previous owner: the newest registration is
//! right. A registration ends with the log-in that made it, so somebody who logged out hears nothing on the phone that
//! they left.

use crate::domain::announcement::Announcement;
use crate::domain::audit::Subject;
use crate::domain::device::{Device, DeviceId, Platform};
use crate::domain::ids::{AccountId, CustomerId};
use crate::domain::push::{PushService, PushToken};
use crate::operations::error::{Error, Refusal};
use crate::store::{Conn, DeviceChange, DeviceRow, StoreError, Tx, sql};
use chrono::NaiveDateTime;
use uuid::Uuid;

/// Devices of a customer that an operator is shown.
const SHOWN_MAX: i64 = 100;

/// An app's registration of its device; absent fields stay unchanged. At least one token.
#[derive(Clone, Debug)]
pub struct Registration {
    pub customer: CustomerId,
    /// The app's name for the device.
    pub device: Option<String>,
    pub platform: Platform,
    pub fcm: Option<PushToken>,
    pub expo: Option<PushToken>,
    pub apns: Option<PushToken>,
    /// The customer's own log-in; none where somebody else registers it for them.
    pub session: Option<Uuid>,
}

/// A device as an app names it that logs out.
#[derive(Clone, Debug, Default)]
pub struct NamedDevice {
    /// The app's name for it.
    pub name: Option<String>,
    /// Any token of it.
    pub token: Option<PushToken>,
}

/// Notes a device and its tokens. Of more than `devices_max` devices the one that registered longest ago is forgotten.
pub fn register(tx: &mut Tx<'_>, new: &Registration, devices_max: usize) -> Result<DeviceId, Error> {
    let known = sql!(tx, customers::find(new.customer))?.is_some();
    known.then_some(()).ok_or(Refusal::NotFound("customer"))?;
    tx.concerns(Subject::customer(new.customer));
    // An app that has just logged out may still send what it was about to, with an access token that is good for a while.
    if let Some(session) = new.session {
        let newest = sql!(tx, refresh_tokens::lock_newest_of(&session.to_string()))?;
        if newest.is_some_and(|token| token.revoked_at.is_some()) {
            return Err(Refusal::LoggedOut.into());
        }
    }
    let own = sql!(tx, devices::lock_all_of(new.customer))?;
    let row = row_of(new, &own).cloned();
    take_tokens(tx, new, row.as_ref().map(|row| row.id))?;
    let row = merged(new, row, tx.at());
    let id = match row.id {
        DeviceId::NONE => {
            forget_oldest(tx, &own, devices_max)?;
            // Somebody registered the same token at the same moment: once more, to take it from them.
            sql!(tx, devices::insert(&change(&row))).map_err(repeat_if_taken)?
        }
        id => {
            sql!(tx, devices::update(id, &change(&row))).map_err(repeat_if_taken)?;
            id
        }
    };
    tx.announce(Announcement::DevicesChanged(new.customer));
    Ok(id)
}

/// Which of the customer's rows it is: the one of that name, else one that shares a token and is not of another name.
fn row_of<'a>(new: &Registration, own: &'a [DeviceRow]) -> Option<&'a DeviceRow> {
    let named =
        new.device.as_ref().and_then(|name| own.iter().find(|row| row.device_id.as_ref() == Some(name)));
    let shares = |row: &&DeviceRow| {
        let is_same = |ours: &Option<PushToken>, theirs: &Option<PushToken>| ours.is_some() && ours == theirs;
        is_same(&new.fcm, &row.fcm_token)
            || is_same(&new.expo, &row.expo_push_token)
            || is_same(&new.apns, &row.apns_token)
    };
    let may_be = |row: &&DeviceRow| new.device.is_none() || row.device_id.is_none();
    named.or_else(|| own.iter().find(|row| shares(row) && may_be(row)))
}

/// Takes the tokens from any other row that has them; one without any left is gone.
fn take_tokens(tx: &mut Tx<'_>, new: &Registration, but: Option<DeviceId>) -> Result<(), Error> {
    let text = |token: &Option<PushToken>| token.as_ref().map(|token| token.as_str().to_owned());
    let (fcm, expo, apns) = (text(&new.fcm), text(&new.expo), text(&new.apns));
    let holders = sql!(tx, devices::lock_holders(fcm.as_deref(), expo.as_deref(), apns.as_deref()))?;
    for mut row in holders.into_iter().filter(|row| Some(row.id) != but) {
        for (service, taken) in
            [(PushService::Fcm, &new.fcm), (PushService::Expo, &new.expo), (PushService::Apns, &new.apns)]
        {
            let slot = slot(&mut row, service);
            if taken.is_some() && slot.token == taken {
                (*slot.token, *slot.registered_at, *slot.dead_at) = (None, None, None);
            }
        }
        let is_empty = row.fcm_token.is_none() && row.expo_push_token.is_none() && row.apns_token.is_none();
        match is_empty {
            true => sql!(tx, devices::delete(row.id))?,
            false => sql!(tx, devices::update(row.id, &change(&row)))?,
        };
        tx.announce(Announcement::DevicesChanged(row.customer_id));
    }
    Ok(())
}

/// The row as it is after the registration. A token that is registered lives, whatever was said of it before.
fn merged(new: &Registration, row: Option<DeviceRow>, at: NaiveDateTime) -> DeviceRow {
    let mut row = row.unwrap_or_else(|| empty(new.customer, new.platform, at));
    row.platform = new.platform;
    row.device_id = new.device.clone().or(row.device_id);
    row.updated_at = at;
    row.session = new.session.map(|session| session.to_string()).or(row.session);
    let registered =
        [(PushService::Fcm, &new.fcm), (PushService::Expo, &new.expo), (PushService::Apns, &new.apns)];
    for (service, token) in registered {
        if token.is_some() {
            let slot = slot(&mut row, service);
            (*slot.token, *slot.registered_at, *slot.dead_at) = (token.clone(), Some(at), None);
        }
    }
    row
}

fn empty(customer: CustomerId, platform: Platform, at: NaiveDateTime) -> DeviceRow {
    DeviceRow {
        id: DeviceId::NONE,
        customer_id: customer,
        device_id: None,
        platform,
        fcm_token: None,
        expo_push_token: None,
        apns_token: None,
        fcm_registered_at: None,
        expo_registered_at: None,
        apns_registered_at: None,
        fcm_dead_at: None,
        expo_dead_at: None,
        apns_dead_at: None,
        created_at: at,
        updated_at: at,
        session: None,
    }
}

fn forget_oldest(tx: &mut Tx<'_>, own: &[DeviceRow], devices_max: usize) -> Result<(), Error> {
    let mut oldest: Vec<&DeviceRow> = own.iter().collect();
    oldest.sort_by_key(|row| (row.updated_at, row.id.0));
    let too_many = (own.len() + 1).saturating_sub(devices_max.max(1));
    for row in oldest.into_iter().take(too_many) {
        sql!(tx, devices::delete(row.id))?;
    }
    Ok(())
}

/// Ends what was registered with a log-in.
pub fn end_session(tx: &mut Tx<'_>, session: &str) -> Result<(), Error> {
    let ended = sql!(tx, devices::lock_of_session(session))?;
    end(tx, &ended)
}

/// The same for all log-ins of an account, but one that goes on; no text is none.
pub fn end_sessions_of(tx: &mut Tx<'_>, account: AccountId, but: &str) -> Result<(), Error> {
    let ended = sql!(tx, devices::lock_of_sessions_of(account, but))?;
    end(tx, &ended)
}

/// Ends the registration of a device of the account's own, with whatever log-in it was made.
pub fn end_named(tx: &mut Tx<'_>, account: AccountId, named: &NamedDevice) -> Result<(), Error> {
    if named.name.is_none() && named.token.is_none() {
        return Ok(());
    }
    let Some(customer) = sql!(tx, customers::by_account(account))? else { return Ok(()) };
    let mut own = sql!(tx, devices::lock_all_of(customer.id))?;
    own.retain(|row| {
        let tokens = [&row.fcm_token, &row.expo_push_token, &row.apns_token];
        let is_named = named.name.is_some() && row.device_id == named.name;
        is_named || named.token.is_some() && tokens.contains(&&named.token)
    });
    end(tx, &own)
}

/// The rows go, and the tokens with them: an app that registers again makes a new one.
fn end(tx: &mut Tx<'_>, ended: &[DeviceRow]) -> Result<(), Error> {
    for row in ended {
        sql!(tx, devices::delete(row.id))?;
        tx.announce(Announcement::DevicesChanged(row.customer_id));
    }
    Ok(())
}

/// A row's columns for one service.
pub(super) struct Slot<'a> {
    pub token: &'a mut Option<PushToken>,
    pub registered_at: &'a mut Option<NaiveDateTime>,
    pub dead_at: &'a mut Option<NaiveDateTime>,
}

pub(super) fn slot(row: &mut DeviceRow, service: PushService) -> Slot<'_> {
    let (token, registered_at, dead_at) = match service {
        PushService::Fcm => (&mut row.fcm_token, &mut row.fcm_registered_at, &mut row.fcm_dead_at),
        PushService::Expo => (&mut row.expo_push_token, &mut row.expo_registered_at, &mut row.expo_dead_at),
        PushService::Apns => (&mut row.apns_token, &mut row.apns_registered_at, &mut row.apns_dead_at),
    };
    Slot { token, registered_at, dead_at }
}

pub(super) fn change(row: &DeviceRow) -> DeviceChange<'_> {
    DeviceChange {
        customer_id: row.customer_id.0,
        device_id: row.device_id.as_deref(),
        platform: row.platform.as_str(),
        fcm_token: row.fcm_token.as_ref().map(PushToken::as_str),
        expo_push_token: row.expo_push_token.as_ref().map(PushToken::as_str),
        apns_token: row.apns_token.as_ref().map(PushToken::as_str),
        fcm_registered_at: row.fcm_registered_at,
        expo_registered_at: row.expo_registered_at,
        apns_registered_at: row.apns_registered_at,
        fcm_dead_at: row.fcm_dead_at,
        expo_dead_at: row.expo_dead_at,
        apns_dead_at: row.apns_dead_at,
        is_active: !device_of(row).tokens.is_empty(),
        created_at: row.created_at,
        updated_at: row.updated_at,
        session: row.session.as_deref(),
    }
}

/// The device with what lives of its tokens.
pub fn device_of(row: &DeviceRow) -> Device {
    let tokens = [
        (PushService::Fcm, &row.fcm_token, row.fcm_dead_at),
        (PushService::Apns, &row.apns_token, row.apns_dead_at),
        (PushService::Expo, &row.expo_push_token, row.expo_dead_at),
    ];
    let living = tokens.into_iter().filter(|(_, _, dead_at)| dead_at.is_none());
    let tokens = living.filter_map(|(service, token, _)| Some((service, token.clone()?))).collect();
    Device { id: row.id, customer: row.customer_id, platform: row.platform, tokens }
}

/// A customer's devices for an operator to look at.
pub fn devices_shown(conn: &mut Conn<'_>, customer: CustomerId) -> Result<Vec<DeviceRow>, StoreError> {
    sql!(conn, devices::all_of(customer, SHOWN_MAX))
}

fn repeat_if_taken(error: StoreError) -> StoreError {
    match error {
        StoreError::Taken { .. } => StoreError::Repeat,
        other => other,
    }
}
