//! Messages about a ride on more than one contract's socket: its participants talk, its driver moves it on, its
//! passenger rates it. The same operations as for REST decide them; the results arrive as events.

use super::Client;
use super::part::Part;
use crate::actors::driven::driven_m;
use crate::actors::session::Link;
use crate::contracts::error_codes::ErrorCode;
use crate::contracts::{BadMessage, Inbound};
use crate::domain::ride::{RideId, RideStep, Stars};
use crate::operations::rides::{self, Viewer};
use crate::operations::{self, Refusal};

/// A message of this kind, or any other back.
pub(super) fn said<P: Part>(
    client: &mut Client<P>,
    inbound: Inbound,
    link: &mut Link<'_, Client<P>>,
) -> Option<Inbound> {
    match inbound {
        Inbound::Chat { ride_id, text } => chat(client, ride_id, text, link),
        Inbound::Rate { ride_id, stars, comment } => rate(client, ride_id, stars, comment, link),
        Inbound::Step { ride_id, step } => move_on(client, ride_id, step, link),
        other => return Some(other),
    }
    None
}

impl<P: Part> Client<P> {
    fn no_such_ride(&mut self, link: &mut Link<'_, Self>) {
        self.not_done(&Refusal::NotFound("ride").into(), link);
    }
}

/// The other participant hears it as an event; who says it hears nothing unless it could not be said.
fn chat<P: Part>(client: &mut Client<P>, ride: Option<RideId>, text: String, link: &mut Link<'_, Client<P>>) {
    let Some((ride, from)) = client.part.part_in(ride) else { return client.no_such_ride(link) };
    let database = client.context.database.clone();
    let saying = async move { database.write(move |tx| rides::chat(tx, &ride, from, &text)).await };
    link.wait(saying, |client, outcome: Result<(), operations::Error>, link| {
        if let Err(error) = outcome {
            client.not_done(&error, link);
        }
    });
}

/// Nobody hears of it as an event, so it is answered.
fn rate<P: Part>(
    client: &mut Client<P>,
    ride: Option<RideId>,
    stars: Stars,
    comment: Option<String>,
    link: &mut Link<'_, Client<P>>,
) {
    let (ride, passenger) = match client.part.part_in(ride) {
        Some((ride, Viewer::Passenger(passenger))) => (ride, passenger),
        Some(_) => return forbidden(client, "only the passenger can rate a ride", link),
        None => return client.no_such_ride(link),
    };
    let (database, rated) = (client.context.database.clone(), ride.clone());
    let rating = async move {
        database
            .write(move |tx| rides::rate(tx, &rated, passenger, stars, comment.as_deref()).map(drop))
            .await
    };
    link.wait(rating, move |client, outcome: Result<(), operations::Error>, link| match outcome {
        Ok(()) => {
            let answer = P::CONTRACT.ride_rated(&ride, stars, client.context.clock.now());
            client.send(answer, link);
        }
        Err(error) => client.not_done(&error, link),
    });
}

/// The driver hears their own move as an event, like the passenger; a repeated one changes nothing, and its event is
/// sent again if it was not confirmed.
fn move_on<P: Part>(client: &mut Client<P>, ride: RideId, step: RideStep, link: &mut Link<'_, Client<P>>) {
    let Some(driver) = client.part.driver() else {
        return forbidden(client, "only a driver can move a ride on", link);
    };
    let context = client.context.clone();
    let moving = async move {
        let driven_m = match step {
            RideStep::Complete if context.fare_is_of_the_track => {
                driven_m(&context.recorder, &context.database, &context.clock, &ride, driver).await?
            }
            _ => None,
        };
        context.database.write(move |tx| rides::step(tx, &ride, driver, step, driven_m).map(drop)).await
    };
    link.wait(moving, |client, outcome: Result<(), operations::Error>, link| {
        if let Err(error) = outcome {
            client.not_done(&error, link);
        }
    });
}

fn forbidden<P: Part>(client: &mut Client<P>, message: &str, link: &mut Link<'_, Client<P>>) {
    client.refuse(&BadMessage::new(ErrorCode::Forbidden, message), link);
}
