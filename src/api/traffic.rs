//! Simulated traffic on this server, which a developer may switch on: the API's side of it. Its maker is handed in by
//! `app`, since the API knows no simulator.

use crate::contracts::operators::DemoTraffic;

/// The traffic that is asked for.
pub struct TrafficWanted {
    pub drivers: usize,
    pub minutes: usize,
    /// The asking operator's access token, with which the accounts are made.
    pub token: String,
}

pub trait Traffic: Send + Sync {
    /// Begins, unless some is there already, and says what is there now. `None` where the simulator can't connect.
    fn begin(&self, wanted: TrafficWanted) -> Option<DemoTraffic>;

    /// Ends what is there. It is gone some seconds later, when everything that is open is ended.
    fn end(&self);

    fn state(&self) -> DemoTraffic;
}
