//! Push: the interface, events of customers who are not connected, bad days of the services, and kills.

mod events;
mod faults;
mod interface;
mod kills;
mod log_outs;
mod one_channel;
mod queue;
