//! The details of a ride that a driver sees while it is only offered to them: enough to take it or leave it.

use super::ids::JobId;
use super::position::Position;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferDetail {
    /// Everything that the ride's own driver sees, except the contact.
    Full,
    /// The drop-off to some 100 m and without its address, and a passenger's id that is good for this ride alone: those who drive
    /// past the same door each morning can't tell whose it is.
    Rounded,
}

/// Begins each id below. The rest is the job's number, which says nothing of the passenger.
const OF_AN_OFFER: [u8; 8] = *b"an offer";

impl OfferDetail {
    pub fn dropoff(self, exact: Position) -> Position {
        match self {
            OfferDetail::Full => exact,
            OfferDetail::Rounded => exact.rounded(),
        }
    }

    pub fn passenger(self, account: Uuid, job: JobId) -> Uuid {
        match self {
            OfferDetail::Full => account,
            OfferDetail::Rounded => {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&OF_AN_OFFER);
                bytes[8..].copy_from_slice(&job.0.to_be_bytes());
                uuid::Builder::from_custom_bytes(bytes).into_uuid()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_an_offer_is_the_same_for_its_ride_and_no_other_and_nobodys() {
        let (account, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let id = |account, job| OfferDetail::Rounded.passenger(account, JobId(job));
        assert_eq!(id(account, 1), id(other, 1));
        assert_ne!(id(account, 1), id(account, 2));
        assert_ne!(id(account, 1), account);
        assert_eq!(OfferDetail::Full.passenger(account, JobId(1)), account);
        assert_eq!(id(account, 1).get_version_num(), 8, "an id that is a UUID for those who check");
    }

    #[test]
    fn a_rounded_drop_off_is_within_100_m_and_says_no_more() {
        let at = |latitude, longitude| Position::new(latitude, longitude).expect("in range");
        let exact = at(3.858_123_4, 11.512_098_7);
        let shown = OfferDetail::Rounded.dropoff(exact);
        assert!(exact.distance_m(shown) < 100.0);
        assert_eq!(shown, OfferDetail::Rounded.dropoff(at(3.858_4, 11.511_6)));
        assert_eq!(OfferDetail::Full.dropoff(exact), exact);
    }
}
