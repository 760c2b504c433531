//! Who decides what a ride costs: the requesting app, or the server's tariff.

use super::money::Money;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FareSource {
    /// The fare that the app names, whatever it is; the tariff if it names none.
    App,
    /// The tariff for the way as the server estimates it, whatever the app names of either.
    Server,
    /// The app's fare, if it differs from the server's by no more than this; otherwise the server's. The ride is made
    /// either way: an app that does not know of the band shows its passenger the fare of the answer, as always.
    AppWithin { percent: u32 },
}

impl FareSource {
    /// Whether what the app says of the way's length makes the fare.
    pub const fn trusts_the_way(self) -> bool {
        matches!(self, FareSource::App)
    }

    /// The fare of a ride for which the app named one, or none, and the server has `own`.
    pub fn fare(self, named: Option<Money>, own: Money) -> Money {
        let taken = named.filter(|named| match self {
            FareSource::App => true,
            FareSource::Server => false,
            FareSource::AppWithin { percent } => is_within(*named, own, percent),
        });
        taken.unwrap_or(own)
    }
}

fn is_within(named: Money, own: Money, percent: u32) -> bool {
    let (named, own) = (i128::from(named.minor()), i128::from(own.minor()));
    (named - own).abs() * 100 <= own * i128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::usd;

    fn fare(source: FareSource, named: i64) -> i64 {
        source.fare(Some(usd(named)), usd(1000)).minor()
    }

    /// A passenger who names 0 rode for nothing.
    #[test]
    fn a_fare_outside_the_band_is_the_servers_and_one_at_its_edge_the_apps() {
        let within = FareSource::AppWithin { percent: 20 };
        for taken in [800, 999, 1000, 1200] {
            assert_eq!(fare(within, taken), taken);
        }
        for refused in [0, 799, 1201, i64::MAX] {
            assert_eq!(fare(within, refused), 1000, "{refused}");
        }
        assert_eq!(FareSource::AppWithin { percent: 50 }.fare(Some(usd(0)), usd(0)), usd(0));
        assert_eq!(within.fare(None, usd(1000)), usd(1000));
    }

    #[test]
    fn the_word_is_the_apps_or_the_servers_where_one_of_them_is_set() {
        assert_eq!((fare(FareSource::App, 0), fare(FareSource::Server, 1)), (0, 1000));
        assert_eq!(FareSource::App.fare(None, usd(1000)), usd(1000));
    }
}
