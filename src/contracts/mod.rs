//! The wire: what clients send and see, and nothing that knows a socket, a store or an actor. One file for each
//! contract, with its messages and the two translations: text to [`Inbound`], event to text.

pub mod close_codes;
pub mod driver_app;
mod inbound;
pub mod wire_time;

pub use inbound::{BadMessage, Inbound};
