//! Work that waits in one lane: each party's in its order, and the parties in turn. Pure.
//!
//! Invariant: a party has a turn exactly while something of it waits.

use crate::store::party::Party;
use std::collections::{HashMap, VecDeque};

/// Work `T` of a party, or of nobody: the latter is the server's own, and each piece of it has a turn to itself, as if
/// it were a party.
pub(super) struct Lane<T> {
    turns: VecDeque<Turn<T>>,
    waiting: HashMap<Party, VecDeque<T>>,
    len: usize,
}

enum Turn<T> {
    Own(T),
    Of(Party),
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), waiting: HashMap::new(), len: 0 }
    }
}

impl<T> Lane<T> {
    pub fn push(&mut self, party: Option<Party>, work: T) {
        self.len += 1;
        let Some(party) = party else { return self.turns.push_back(Turn::Own(work)) };
        let waiting = self.waiting.entry(party).or_default();
        if waiting.is_empty() {
            self.turns.push_back(Turn::Of(party));
        }
        waiting.push_back(work);
    }

    /// The first of the party whose turn it is, of those that are not busy.
    pub fn pop(&mut self, is_busy: impl Fn(Party) -> bool) -> Option<(Option<Party>, T)> {
        let is_free = |turn: &Turn<T>| !matches!(turn, Turn::Of(party) if is_busy(*party));
        let index = self.turns.iter().position(is_free)?;
        let popped = match self.turns.remove(index)? {
            Turn::Own(work) => (None, work),
            Turn::Of(party) => {
                let waiting = self.waiting.get_mut(&party)?;
                let work = waiting.pop_front()?;
                if waiting.is_empty() {
                    self.waiting.remove(&party);
                } else {
                    self.turns.push_back(Turn::Of(party));
                }
                (Some(party), work)
            }
        };
        self.len -= 1;
        Some(popped)
    }

    /// The work that [`Lane::pop`] returns if nobody is busy.
    pub fn front(&self) -> Option<&T> {
        match self.turns.front()? {
            Turn::Own(work) => Some(work),
            Turn::Of(party) => self.waiting.get(party)?.front(),
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How much of one party waits.
    pub fn of(&self, party: Party) -> usize {
        self.waiting.get(&party).map_or(0, VecDeque::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::AccountId;
    use proptest::prelude::*;

    fn party(number: i64) -> Option<Party> {
        (number > 0).then_some(Party::Account(AccountId(number)))
    }

    #[test]
    fn a_crowd_of_one_party_takes_turns_with_the_others() {
        let mut lane = Lane::default();
        for number in 0..100 {
            lane.push(party(1), (1, number));
        }
        for (from, number) in [(2, 0), (0, 0), (3, 0), (2, 1), (0, 1)] {
            lane.push(party(from), (from, number));
        }
        let first = std::iter::from_fn(|| lane.pop(|_| false)).map(|(_, work)| work).take(9);
        let expected = [(1, 0), (2, 0), (0, 0), (3, 0), (0, 1), (1, 1), (2, 1), (1, 2), (1, 3)];
        assert_eq!(first.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_busy_party_is_passed_over_and_keeps_its_turn() {
        let mut lane = Lane::default();
        for (from, number) in [(1, 0), (2, 0), (1, 1), (2, 1)] {
            lane.push(party(from), (from, number));
        }
        let is_first = |other| Some(other) == party(1);
        assert_eq!(lane.pop(is_first), Some((party(2), (2, 0))));
        assert_eq!(lane.pop(|_| false), Some((party(1), (1, 0))));
        assert_eq!(lane.pop(is_first), Some((party(2), (2, 1))));
        assert_eq!(lane.pop(is_first), None);
        assert_eq!(lane.len(), 1);
    }

    proptest! {
        /// For any arrivals and departures, nothing is lost, each party's work stays in order, and every waiting party
        /// is served before any is served twice.
        #[test]
        fn everybody_is_served_in_turn(steps in prop::collection::vec(prop::option::of(0i64..5), 1..200)) {
            let mut lane = Lane::default();
            let (mut pushed, mut popped) = (vec![0_u32; 5], vec![0_u32; 5]);
            let mut served_since: HashMap<i64, Vec<i64>> = HashMap::new();
            for step in steps.into_iter().chain(std::iter::repeat_n(None, 200)) {
                match step {
                    Some(from) => {
                        lane.push(party(from), (from, pushed[from as usize]));
                        pushed[from as usize] += 1;
                        served_since.entry(from).or_default();
                    }
                    None => {
                        let Some((_, (from, number))) = lane.pop(|_| false) else { continue };
                        prop_assert_eq!(number, popped[from as usize]);
                        popped[from as usize] += 1;
                        served_since.remove(&from);
                        if pushed[from as usize] > popped[from as usize] {
                            served_since.insert(from, Vec::new());
                        }
                        for (other, served) in &mut served_since {
                            // The server's own have a turn each.
                            if *other != from && from > 0 {
                                prop_assert!(!served.contains(&from), "{} waits while {} is served twice", other, from);
                                served.push(from);
                            }
                        }
                    }
                }
            }
            prop_assert_eq!(pushed, popped);
            prop_assert!(lane.is_empty() && lane.front().is_none());
        }
    }
}
