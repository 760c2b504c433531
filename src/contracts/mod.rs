//! The wire: what clients send and see, and nothing that knows a socket, a store or an actor.

pub mod close_codes;
