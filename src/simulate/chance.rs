//! Generators for the actors: each has its own, made of the run's seed, its kind and its number, so that one more actor
//! changes nothing for the others.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The streams of chance. Two of one actor are independent of each other, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    DriversPlan = 1,
    /// Decisions of a driver as the day goes.
    DriversDay,
    RidersPlan,
    RidersDay,
    Orders,
}

pub fn generator(seed: u64, stream: Stream, index: usize) -> StdRng {
    let mixed = mix(mix(mix(seed) ^ stream as u64) ^ index as u64);
    StdRng::seed_from_u64(mixed)
}

/// The finaliser of SplitMix64: neighbours have nothing in common.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn an_actor_has_the_same_chance_each_time_and_its_neighbour_another() {
        let first = |seed, stream, index| generator(seed, stream, index).random::<u64>();
        assert_eq!(first(1, Stream::DriversPlan, 7), first(1, Stream::DriversPlan, 7));
        let all = [
            first(1, Stream::DriversPlan, 7),
            first(1, Stream::DriversPlan, 8),
            first(1, Stream::DriversDay, 7),
            first(2, Stream::DriversPlan, 7),
        ];
        assert!((0..all.len()).all(|at| !all[..at].contains(&all[at])), "{all:?}");
    }
}
