//! Sessions: one authenticated WebSocket conversation each.
//!
//! The transport (this folder's `transport`, and the parts that it is made of) carries text in order between a socket
//! and a [`Conversation`], and keeps a hostile, slow or vanished peer from costing more than its share. It knows no
//! contract and no account; the content is up to the conversation.
//!
//! | file | owns |
//! | --- | --- |
//! | `handshake` | what is checked before the upgrade; where a token is found |
//! | `socket` | socket options, and the switch that ends a connection from outside its actor |
//! | `connections` | connections between requests, as long as they carry no session: bounded in number and in time |
//! | `frames` | bytes to frames, sizes checked before anything is kept |
//! | `reassembly` | frames to messages |
//! | `flood` | token buckets |
//! | `outbox` | what waits to be sent, bounded in bytes |
//! | `handle` | the side of a session that other threads hold |
//! | `inbox` | what others may say to a client's session |
//! | `upgrade` | from a request to a running session, and its output back into the connection |
//! | `conversation` | what is said on a socket, and what that sees of the socket |
//! | `transport` | the actor |
//! | `reaper` | time: idle, vanished and stuck sessions, and the drain at shutdown |
//! | `epoch` | the transport's own time |
//! | `limits` | settings and counters |
//! | `client` | the conversation: commands in, events out; what differs by contract in its folder |

mod caught;
pub mod client;
mod connections;
mod conversation;
mod epoch;
mod flood;
mod frames;
#[cfg(test)]
mod fuzz_tests;
mod handle;
pub mod handshake;
mod inbox;
mod limits;
mod outbox;
mod reaper;
mod reassembly;
mod socket;
mod transport;
#[cfg(test)]
mod transport_tests;
mod upgrade;

pub use connections::{Connections, in_use};
pub use conversation::{Conversation, Link};
pub use handle::{Ended, SessionHandle};
pub use handshake::{BearerToken, bearer_from_request};
pub use inbox::ToClient;
pub use limits::{Activity, TransportLimits, TransportMetrics};
pub use outbox::{Lane, Sent};
pub use reaper::{Drained, Reaper};
pub use upgrade::{refuse, upgrade};
