//! The messages that other actors may send to a client's session: senders know these messages, and not the
//! conversation.

use bytestring::ByteString;

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::ride::RideId;
use crate::operations::guests::Passenger;

pub enum ToClient {
    /// An event, and how it reads in the session's contract. Boxed, since positions, which come far more often, wait in the same
    /// queue.
    Event(Box<Event>, ByteString),
    /// Events up to this id exist.
    HeardOf(EventId),
    /// A message from a room.
    Text(ByteString),
    /// A room lets the session go, by its membership.
    SentAway(RideId, u64),
    /// The ride whose socket this is has become a guest's.
    Bound(Passenger),
}
