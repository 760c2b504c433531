//! The driver app's part of a conversation: connecting puts the driver to work, and where history fails the app is told
//! which orders it holds.

use super::{Client, ClientContext, Opened, Part, Recipient};
use crate::actors::session::Link;
use crate::actors::words;
use crate::contracts::driver_app;
use crate::domain::delivery::Step;
use crate::domain::ids::{DriverId, EventId};
use crate::operations::{self, drivers};
use crate::store::{StoreError, Tx, reads};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use uuid::Uuid;

pub(super) struct DriverApp {
    pub driver: DriverId,
}

impl Client {
    /// `last_event_id` is what the app named at the door.
    pub fn driver_app(
        driver: DriverId,
        recipient: Recipient,
        last_event_id: Option<EventId>,
        context: Arc<ClientContext>,
    ) -> Self {
        Self::new(Part::DriverApp(DriverApp { driver }), Some(recipient), last_event_id, context)
    }
}

impl DriverApp {
    pub fn connected(&self, session: Uuid, newest: EventId, now: DateTime<Utc>) -> String {
        driver_app::connected(self.driver, session, newest, now)
    }
}

/// In one transaction the driver is there, and it is read where their events stand.
pub(super) async fn open(
    driver: DriverId,
    recipient: Recipient,
    context: Arc<ClientContext>,
) -> Result<Option<Opened>, operations::Error> {
    let Some(claims) = recipient.claims else { return Ok(None) };
    let (account, inner) = (recipient.account, context.clone());
    let decision = move |tx: &mut Tx<'_>| {
        if !drivers::connected(tx, driver, &claims, inner.deliveries_max)? {
            return Ok(None);
        }
        let now = tx.now();
        Ok(Some(inner.standing(tx.conn(), account, now)?.into()))
    };
    context.database.write(decision).await
}

/// The orders that the driver holds.
pub(super) fn snapshot(driver: DriverId, client: &mut Client, rest: Vec<Step>, link: &mut Link<'_, Client>) {
    let database = client.context.database.clone();
    let reading = async move { database.read(move |conn| reads::orders_of(conn, driver)).await };
    link.wait(reading, move |client, outcome, link| match outcome {
        Ok(held) => {
            let now = client.context.clock.now();
            client.send(driver_app::orders(&words::orders_held(held), now), link);
            client.carry_out(rest, None, link);
        }
        Err::<_, StoreError>(error) => client.give_up(&error.into(), link),
    });
}
