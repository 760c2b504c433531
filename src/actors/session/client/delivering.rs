//! Delivery on one socket, the same for every contract: carries out the steps of `domain::delivery`, and those that the
//! contract's part wants besides.

use super::part::{Opened, Out, Part, Place};
use super::{Client, Owner, Recipient};
use crate::actors::dispatcher::Register;
use crate::actors::registry::Registered;
use crate::actors::room::Member;
use crate::actors::session::Link;
use crate::contracts::close_codes::CloseCode;
use crate::domain::delivery::{self, Page, Read, Standing, Step};
use crate::domain::ids::EventId;
use crate::operations::tokens::VerifiedClaims;
use crate::store::{Mark, MarkKind, Party, StoreError, page_of};
use bytestring::ByteString;

/// Whether the recipient had a connection before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    Kept,
    /// The account has just been made. Should it be older after all, something may come twice, under its number.
    None,
}

impl<P: Part> Client<P> {
    /// Registers first and reads afterwards: what is committed from here on is heard of, what was before is read. Also in
    /// the middle of a conversation, once it is known whose it is.
    pub(super) fn enter(&mut self, recipient: Recipient, past: Past, link: &mut Link<'_, Self>) {
        let session = Registered {
            driver: self.part.driver(),
            contract: P::CONTRACT,
            handle: link.handle(),
            expires_at: recipient.claims.as_ref().map(VerifiedClaims::session_ends_at),
            sessions_max: match self.part.role().is_user() {
                true => self.context.sockets_max,
                // Consoles in several windows, and on a wall.
                false => self.context.sockets_max * 10,
            },
            claims: recipient.claims.clone().map(Box::new),
        };
        // Guests are as many as anybody likes: those of one address are one party.
        if recipient.claims.is_some() {
            link.act_for(Party::Account(recipient.account));
        }
        let register = Register { account: recipient.account, session };
        self.owner = Some(Owner::of(&recipient));
        let context = self.context.clone();
        let opening = self.part.open(recipient, context.clone());
        let opening = async move {
            if context.dispatcher.send(register).await.is_err() {
                return Err(StoreError::Unavailable("the dispatcher is gone").into());
            }
            // Events that the last connection confirmed must not be sent again.
            if past == Past::Kept {
                context.recorder.flush_marks().await;
            }
            opening.await
        };
        link.wait(opening, |client, outcome, link| match outcome {
            Ok(Some(opened)) => client.begin(opened, link),
            Ok(None) => link.close(CloseCode::AuthenticationFailed, "access revoked"),
            Err(error) => client.give_up(&error, link),
        });
    }

    fn begin(&mut self, opened: Opened, link: &mut Link<'_, Self>) {
        let Opened { standing, under_way } = opened;
        let connected = self.part.connected(self.session, standing.newest, self.context.clock.now());
        self.put_out(connected, link);
        let steps = self.delivery.begin(self.last_event_id, standing);
        self.part.resumed(under_way, standing.newest, read_of(&steps));
        self.carry_out(steps, None, link);
    }

    pub(super) fn resume(&mut self, last: EventId, link: &mut Link<'_, Self>) {
        let (context, now) = (self.context.clone(), self.context.clock.now());
        let Some(Owner { account, .. }) = self.owner else {
            let steps = self.delivery.begin(Some(last), Standing::empty(now));
            return self.carry_out(steps, None, link);
        };
        let of_ride = self.part.of_ride();
        let reading = async move {
            context.recorder.flush_marks().await;
            let inner = context.clone();
            context.database.read(move |conn| inner.look(conn, account, of_ride.as_ref(), now)).await
        };
        link.wait(reading, move |client, outcome: Result<Opened, StoreError>, link| match outcome {
            Ok(Opened { standing, under_way }) => {
                let steps = client.delivery.begin(Some(last), standing);
                // A client that gets the events it asked for can derive the state from them.
                let fails = steps.contains(&Step::Snapshot);
                let under_way = under_way.filter(|_| fails);
                client.part.resumed(under_way, standing.newest, read_of(&steps));
                client.carry_out(steps, None, link);
            }
            Err(error) => client.give_up(&error.into(), link),
        });
    }

    /// `prepared` is the text of an event that may be among the steps.
    pub(super) fn carry_out(
        &mut self,
        steps: Vec<Step>,
        prepared: Option<(EventId, ByteString)>,
        link: &mut Link<'_, Self>,
    ) {
        let mut steps = steps.into_iter();
        while let Some(step) = steps.next() {
            match step {
                Step::Send(event) => {
                    let first = self.part.before(&event);
                    self.put_out(first, link);
                    let text = match &prepared {
                        Some((id, text)) if *id == event.id => text.clone(),
                        _ => P::CONTRACT.event(&event).into(),
                    };
                    self.context.metrics.events_sent.increment(1);
                    self.mark([event.id], MarkKind::Sent);
                    log::debug!("event sent {self} event={} type={}", event.id, event.body.name());
                    self.send(text, link);
                    let next = self.part.sent(&event);
                    self.put_out(next, link);
                }
                Step::Ping(id) => link.ping(id.to_string().as_bytes()),
                Step::Read(read) => self.read(read, link),
                Step::Confirm(sent) => self.confirm(&sent),
                Step::Processed(id) => self.mark([id], MarkKind::Processed),
                Step::ResumeFailed { oldest, newest } => {
                    let failed = P::CONTRACT.resume_failed(oldest, newest, self.context.clock.now());
                    self.send(failed, link);
                }
                // The state first, then what follows it.
                Step::Snapshot => return self.snapshot(steps.collect(), link),
            }
        }
        let last = self.part.after(self.delivery.sent());
        self.put_out(last, link);
    }

    /// Does what the contract's part wants done.
    pub(super) fn put_out(&mut self, outs: Vec<Out>, link: &mut Link<'_, Self>) {
        for out in outs {
            match out {
                Out::Text(text) => self.send(text, link),
                Out::Enter { job, ride, follower } => {
                    let member = Member { handle: link.handle(), contract: P::CONTRACT, follower };
                    // A room that is full was counted; the ride goes on without positions.
                    let Ok((membership, seen)) = self.context.rooms.enter(job, &ride, member) else {
                        continue;
                    };
                    self.part.entered(membership);
                    link.spawn(seen, |client, seen, link| {
                        let found = seen.map(|seen| client.part.seen(seen)).unwrap_or_default();
                        client.put_out(found, link);
                    });
                }
                Out::Leave(membership) => drop(membership),
            }
        }
    }

    /// The current state, where history can't tell it; then the `rest` of the steps.
    fn snapshot(&mut self, rest: Vec<Step>, link: &mut Link<'_, Self>) {
        let Some(reading) = self.part.read_state(&self.context) else {
            return self.carry_out(rest, None, link);
        };
        link.wait(reading, move |client, state, link| match state {
            Ok(state) => {
                let (now, sent) = (client.context.clock.now(), client.delivery.sent());
                let said = client.part.state(state, Place { now, sent, rest: &rest }, &client.context);
                client.put_out(said, link);
                client.carry_out(rest, None, link);
            }
            Err(error) => client.give_up(&error.into(), link),
        });
    }

    /// The client's messages meanwhile are handled afterwards, so a replay comes before the answers to them. The
    /// continuation is not run while the client does not read: a long replay goes at the client's pace.
    fn read(&mut self, read: Read, link: &mut Link<'_, Self>) {
        let Some(Owner { account, .. }) = self.owner else { return };
        if !link.is_open() {
            return;
        }
        let (database, now) = (self.context.database.clone(), self.context.clock.now());
        let reading = async move { database.read(move |conn| page_of(conn, account, read, now)).await };
        link.wait(reading, |client, outcome: Result<Page, StoreError>, link| match outcome {
            Ok(page) => {
                let steps = client.delivery.page(page);
                client.carry_out(steps, None, link);
            }
            Err(error) => client.give_up(&error.into(), link),
        });
    }

    fn confirm(&mut self, sent: &[delivery::Sent]) {
        let now = self.context.clock.now();
        for one in sent {
            let took = (now - one.created_at).to_std().unwrap_or_default();
            log::debug!("event confirmed {self} event={} ms={}", one.id, took.as_millis());
            self.context.metrics.event_confirm_seconds.record(took);
        }
        self.context.metrics.events_confirmed.increment(sent.len() as u64);
        if let (Some(driver), Some(owner)) = (self.part.driver(), self.owner) {
            self.context.matcher.confirmed(driver, owner.account, sent.iter().map(|one| one.id));
        }
        self.mark(sent.iter().map(|one| one.id), MarkKind::Confirmed);
    }

    fn mark(&self, events: impl IntoIterator<Item = EventId>, kind: MarkKind) {
        let Some(Owner { account, .. }) = self.owner else { return };
        let (at, over) = (self.context.clock.now().naive_utc(), P::CONTRACT.name());
        let marks = events.into_iter().map(|event| Mark { account, event, over, at, kind });
        self.context.recorder.mark(marks);
    }
}

/// The read that these steps contain.
fn read_of(steps: &[Step]) -> Option<&Read> {
    steps.iter().find_map(|step| match step {
        Step::Read(read) => Some(read),
        _ => None,
    })
}
