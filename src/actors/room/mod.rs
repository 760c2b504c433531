//! Rooms: the live side of a job. A room knows who follows a ride, and where its driver is now.
//!
//! A room begins with its first follower and ends when nobody is left; it holds nothing that a restart would miss, since
//! followers rejoin by reconnecting and everything else is read from the store.
//!
//! | file | owns |
//! | --- | --- |
//! | `registry` | every room by its job, who is in it, every driver's newest position; what sessions hold |
//! | `actor` | one room: what its followers are told |
//! | `whereabouts` | where the driver is, and whether that is still fresh; pure |

mod actor;
mod registry;
mod whereabouts;

pub use actor::Room;
pub use registry::{Follower, Full, Member, Membership, RoomOptions, Rooms, Snapshot, start};
pub use whereabouts::HeardFix;
