//! The book of one account: which of its events have come, over which connection, and what is wrong with that by the
//! contract. Each account numbers its events 1, 2, 3 … with no gap; within a connection numbers rise; an app that names
//! the last event that it knows gets no event twice. Pure.

use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Events up to this number are of the time before the run.
    begins_after: i64,
    /// The numbers of the run that have come, over any connection.
    received: BTreeSet<i64>,
}

/// One connection of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The last event that the app named when it connected; 0 where it named none.
    named: i64,
    /// The newest event that came over this connection.
    last: i64,
}

/// The meaning of an event's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    New,
    /// Of the time before the run.
    Earlier,
    /// Known, and sent again to an app that had not said so: at least once is what is promised.
    Repeated,
    /// Known, and sent again although the app had confirmed it.
    Doubled,
    /// New, but after a newer one on the same connection.
    OutOfOrder,
}

impl Connection {
    pub fn new(named: Option<i64>) -> Self {
        Self { named: named.unwrap_or(0), last: 0 }
    }
}

impl Book {
    pub fn new(begins_after: i64) -> Self {
        Self { begins_after, received: BTreeSet::new() }
    }

    pub fn receive(&mut self, connection: &mut Connection, id: i64) -> Receipt {
        let rises = id > connection.last;
        connection.last = connection.last.max(id);
        let is_of_run = id > self.begins_after;
        let is_new = is_of_run && self.received.insert(id);
        match (is_new, rises) {
            (true, true) => Receipt::New,
            (true, false) => Receipt::OutOfOrder,
            (false, false) => Receipt::Doubled,
            (false, true) if id <= connection.named => Receipt::Doubled,
            (false, true) if is_of_run => Receipt::Repeated,
            (false, true) => Receipt::Earlier,
        }
    }

    pub fn knows(&self, id: i64) -> bool {
        id <= self.begins_after || self.received.contains(&id)
    }

    /// The newest event that the app knows.
    pub fn newest(&self) -> i64 {
        self.received.last().copied().unwrap_or(self.begins_after)
    }

    /// The last event before the run.
    pub fn begins_after(&self) -> i64 {
        self.begins_after
    }

    /// The events of the run up to this number that have never come.
    pub fn missing(&self, up_to: i64) -> Vec<i64> {
        (self.begins_after + 1..=up_to).filter(|id| !self.received.contains(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Receipt::{Doubled, Earlier, New, OutOfOrder, Repeated};

    fn receipts(book: &mut Book, named: Option<i64>, ids: &[i64]) -> Vec<Receipt> {
        let mut connection = Connection::new(named);
        ids.iter().map(|id| book.receive(&mut connection, *id)).collect()
    }

    #[test]
    fn a_good_day_has_nothing_but_new_events() {
        let mut book = Book::new(4);
        assert_eq!(receipts(&mut book, None, &[3, 4, 5, 6]), [Earlier, Earlier, New, New]);
        assert_eq!(receipts(&mut book, Some(6), &[7, 8]), [New, New]);
        assert_eq!((book.newest(), book.missing(8)), (8, vec![]));
        assert!(book.knows(2) && book.knows(8) && !book.knows(9));
    }

    #[test]
    fn a_gap_is_missing_until_it_is_filled() {
        let mut book = Book::new(0);
        assert_eq!(receipts(&mut book, None, &[1, 2, 5]), [New, New, New]);
        assert_eq!(book.missing(6), [3, 4, 6]);
        assert_eq!(receipts(&mut book, None, &[3, 4]), [New, New]);
        assert_eq!(book.missing(6), [6]);
        assert_eq!(Book::new(9).missing(9), [] as [i64; 0]);
    }

    #[test]
    fn again_is_allowed_to_those_alone_who_did_not_confirm() {
        let mut book = Book::new(0);
        receipts(&mut book, None, &[1, 2, 3]);
        assert_eq!(receipts(&mut book, None, &[2, 3, 4]), [Repeated, Repeated, New]);
        assert_eq!(receipts(&mut book, Some(3), &[3, 4, 5]), [Doubled, Repeated, New]);
        assert_eq!(receipts(&mut book, None, &[5, 5]), [Repeated, Doubled], "twice on one connection");
    }

    #[test]
    fn numbers_rise_within_a_connection() {
        let mut book = Book::new(0);
        assert_eq!(receipts(&mut book, None, &[1, 3, 2, 4]), [New, New, OutOfOrder, New]);
        assert_eq!(book.missing(4), [] as [i64; 0], "late is not lost");
    }
}
