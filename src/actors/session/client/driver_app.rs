//! The driver app's part of a conversation: connecting puts the driver to work, and if history is incomplete the app is
//! told which orders it holds.

use super::part::{Opening, Out, Part, Place, Reading};
use super::{Client, ClientContext, Opened, Recipient};
use crate::contracts::{Contract, driver_app};
use crate::domain::contact::Contact;
use crate::domain::ids::{DriverId, EventId};
use crate::domain::ride::RideId;
use crate::domain::role::Role;
use crate::operations::rides::Viewer;
use crate::operations::{self, drivers};
use crate::presenters;
use crate::store::{Job, Tx, reads};
use chrono::{DateTime, Utc};
use std::sync::Arc;
use uuid::Uuid;

pub struct DriverApp {
    driver: DriverId,
}

impl Client<DriverApp> {
    /// `last_event_id` is what the app named at the door.
    pub fn driver_app(
        driver: DriverId,
        recipient: Recipient,
        last_event_id: Option<EventId>,
        context: Arc<ClientContext>,
    ) -> Self {
        Self::new(DriverApp { driver }, Some(recipient), last_event_id, context)
    }
}

impl Part for DriverApp {
    const CONTRACT: Contract = Contract::DriverApp;
    /// The orders that the driver holds.
    type State = Vec<(Job, Contact)>;

    fn role(&self) -> Role {
        Role::Driver
    }

    fn part_in(&self, named: Option<RideId>) -> Option<(RideId, Viewer)> {
        Some((named?, Viewer::Driver(self.driver)))
    }

    fn driver(&self) -> Option<DriverId> {
        Some(self.driver)
    }

    fn open(&self, recipient: Recipient, context: Arc<ClientContext>) -> Opening {
        Box::pin(open(self.driver, recipient, context))
    }

    fn connected(&self, session: Uuid, newest: EventId, now: DateTime<Utc>) -> Vec<Out> {
        vec![Out::text(driver_app::connected(self.driver, session, newest, now))]
    }

    fn read_state(&self, context: &Arc<ClientContext>) -> Option<Reading<Self::State>> {
        let (database, driver) = (context.database.clone(), self.driver);
        Some(Box::pin(async move { database.read(move |conn| reads::orders_of(conn, driver)).await }))
    }

    fn state(&mut self, held: Self::State, place: Place<'_>, _: &ClientContext) -> Vec<Out> {
        vec![Out::text(driver_app::orders(&presenters::orders_held(held), place.now))]
    }
}

/// One transaction makes the driver present and reads the state of their events.
async fn open(
    driver: DriverId,
    recipient: Recipient,
    context: Arc<ClientContext>,
) -> Result<Option<Opened>, operations::Error> {
    let Some(claims) = recipient.claims else { return Ok(None) };
    let (account, inner) = (recipient.account, context.clone());
    let decision = move |tx: &mut Tx<'_>| {
        if !drivers::connected(tx, driver, &claims)? {
            return Ok(None);
        }
        let now = tx.now();
        Ok(Some(inner.standing(tx.conn(), account, now)?.into()))
    };
    context.database.write(decision).await
}
