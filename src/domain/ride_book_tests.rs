//! Who is let into a ride and who is not, move by move, and in any order.

use super::*;
use proptest::prelude::*;

/// A guest who came before the server's secret was changed was a stranger after it.
#[test]
fn a_key_opens_what_was_kept_under_the_secret_before() {
    let kept = KeyHash::new("hash of a");
    let now = |previous: &str| RideKey {
        text: "a".to_owned(),
        hash: KeyHash::new("another hash of a"),
        previous: Some(KeyHash::new(previous)),
    };
    assert!(now("hash of a").opens(&kept) && key("a").opens(&kept));
    assert!(!now("hash of b").opens(&kept) && !key("b").opens(&kept));
}

/// A key whose hash is simply its text, spelt otherwise.
fn key(text: &str) -> RideKey {
    RideKey { text: text.to_owned(), hash: KeyHash::new(format!("hash of {text}")), previous: None }
}

fn ride(id: &str) -> RideId {
    RideId::new(id).expect("a ride id")
}

fn from(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn anonymous(key: Option<RideKey>, address: u8) -> Applicant {
    Applicant::Anonymous { key, address: from(address) }
}

fn guest_of(keys: &[&str], address: u8) -> Option<RideOwner> {
    let keys = keys.iter().map(|text| key(text).hash).collect();
    Some(RideOwner::Guest { keys, opened_from: Some(from(address)) })
}

/// A book and the time, with fresh keys numbered from 1.
struct Door {
    book: RideBook<&'static str>,
    now: Instant,
    keys: u32,
}

impl Door {
    fn new(rule: RideKeyRule, held_max: usize) -> Self {
        Self { book: RideBook::new(rule, held_max), now: Instant::now(), keys: 0 }
    }

    fn required() -> Self {
        Self::new(RideKeyRule::Required, 100)
    }

    fn enter_with(
        &mut self,
        applicant: &Applicant,
        claim: Option<RideOwner>,
    ) -> Result<Admitted, NotAdmitted> {
        self.keys += 1;
        let fresh = key(&format!("fresh-{}", self.keys));
        self.book.enter(&ride("12345"), applicant, claim, fresh, self.now)
    }

    fn enter(&mut self, applicant: &Applicant) -> Result<Admitted, NotAdmitted> {
        self.enter_with(applicant, None)
    }

    fn leave(&mut self, admitted: &Admitted) {
        self.book.leave(&ride("12345"), admitted.slot, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }
}

#[track_caller]
fn key_of(admitted: &Result<Admitted, NotAdmitted>) -> String {
    let admitted = admitted.as_ref().expect("let in");
    admitted.key.as_ref().expect("an anonymous ride has a key").text.clone()
}

#[track_caller]
fn is_turned_away(outcome: Result<Admitted, NotAdmitted>) {
    assert_eq!(outcome.expect_err("let in"), NotAdmitted::Stranger);
}

#[test]
fn the_first_one_has_the_ride_and_their_key_lets_them_in_from_anywhere() {
    let mut door = Door::required();
    let first = door.enter(&anonymous(None, 1));
    assert_eq!(key_of(&first), "fresh-1");
    // While the first socket is open, and from another network.
    let second = door.enter(&anonymous(Some(key("fresh-1")), 9));
    assert_eq!(key_of(&second), "fresh-1");
    is_turned_away(door.enter(&anonymous(None, 9)));
    is_turned_away(door.enter(&anonymous(Some(key("guessed")), 9)));
}

#[test]
fn without_the_key_one_enters_from_the_same_address_once_nobody_is_there() {
    let mut door = Door::required();
    let first = door.enter(&anonymous(None, 1)).expect("the first");
    assert_eq!(door.enter(&anonymous(None, 1)).expect_err("let in"), NotAdmitted::Occupied);
    is_turned_away(door.enter(&anonymous(None, 2)));
    door.leave(&first);
    is_turned_away(door.enter(&anonymous(None, 2)));
    assert_eq!(key_of(&door.enter(&anonymous(None, 1))), "fresh-1", "the same key again");
}

#[test]
fn a_wrong_key_is_as_good_as_none() {
    let mut door = Door::required();
    let first = door.enter(&anonymous(Some(key("of an older ride")), 1)).expect("the first");
    assert_eq!(first.key.as_ref().expect("a key").text, "fresh-1");
    door.leave(&first);
    assert!(door.enter(&anonymous(Some(key("forgotten")), 1)).is_ok());
}

#[test]
fn a_ride_is_held_for_five_minutes_after_its_last_socket() {
    let mut door = Door::required();
    let first = door.enter(&anonymous(None, 1)).expect("the first");
    door.pass(2 * HELD_AFTER_LAST_SOCKET);
    is_turned_away(door.enter(&anonymous(None, 2)));
    door.leave(&first);
    door.pass(HELD_AFTER_LAST_SOCKET - Duration::from_millis(1));
    is_turned_away(door.enter(&anonymous(None, 2)));
    let again = door.enter(&anonymous(None, 1)).expect("the owner");
    door.pass(Duration::from_millis(1));
    door.leave(&again);
    door.pass(HELD_AFTER_LAST_SOCKET);
    assert_eq!(key_of(&door.enter(&anonymous(None, 2))), "fresh-5", "it is nobody's any more");
}

#[test]
fn a_ride_that_is_not_held_is_whose_the_store_says() {
    let claim = || guest_of(&["first", "later"], 1);
    let mut door = Door::required();
    is_turned_away(door.enter_with(&anonymous(None, 2), claim()));
    is_turned_away(door.enter_with(&Applicant::Account(AccountId(7)), claim()));
    assert!(door.book.is_empty(), "who is turned away holds nothing");
    for text in ["first", "later"] {
        let entered = door.enter_with(&anonymous(Some(key(text)), 2), claim());
        assert_eq!((key_of(&entered).as_str(), entered.as_ref().expect("in").is_key_new), (text, false));
        door.leave(&entered.expect("in"));
    }
}

/// The server was started again: the old key is known by its hash only, so who comes without one is given another, which the
/// store has to know. The old one still opens the ride.
#[test]
fn who_comes_back_by_address_after_a_restart_is_given_a_further_key() {
    let mut door = Door::required();
    let back = door.enter_with(&anonymous(None, 1), guest_of(&["first"], 1));
    assert_eq!((key_of(&back).as_str(), back.as_ref().expect("in").is_key_new), ("fresh-1", true));
    for text in ["first", "fresh-1"] {
        let entered = door.enter(&anonymous(Some(key(text)), 2));
        assert_eq!((key_of(&entered).as_str(), entered.expect("in").is_key_new), (text, false));
    }
}

#[test]
fn an_account_has_its_own_rides_and_nobody_elses() {
    let (own, other) = (Applicant::Account(AccountId(7)), Applicant::Account(AccountId(8)));
    let mut door = Door::required();
    let first = door.enter(&own).expect("a new ride");
    assert!(first.key.is_none());
    assert!(door.enter(&own).is_ok(), "several sockets");
    is_turned_away(door.enter(&other));
    is_turned_away(door.enter(&anonymous(None, 1)));

    let mut door = Door::new(RideKeyRule::Optional, 100);
    let claim = || Some(RideOwner::Account(AccountId(7)));
    is_turned_away(door.enter_with(&other, claim()));
    is_turned_away(door.enter_with(&anonymous(None, 1), claim()));
    assert!(door.enter_with(&own, claim()).is_ok());

    let mut door = Door::new(RideKeyRule::Optional, 100);
    door.enter(&anonymous(None, 1)).expect("a new ride");
    is_turned_away(door.enter(&own));
}

#[test]
fn with_optional_keys_the_id_is_enough() {
    let mut door = Door::new(RideKeyRule::Optional, 100);
    door.enter(&anonymous(None, 1)).expect("the first");
    assert_eq!(key_of(&door.enter(&anonymous(None, 2))), "fresh-1");
    let mut door = Door::new(RideKeyRule::Optional, 100);
    assert!(door.enter_with(&anonymous(None, 2), guest_of(&["first"], 1)).is_ok());
}

#[test]
fn a_book_full_of_sockets_takes_back_its_own_but_no_further_ride() {
    let mut door = Door::new(RideKeyRule::Required, 1);
    let first = door.enter(&anonymous(None, 1)).expect("the first");
    let other = ride("other");
    let enter_other = |door: &mut Door| {
        door.book.enter(&other, &anonymous(None, 2), None, key("other"), door.now).map(drop)
    };
    assert_eq!(enter_other(&mut door), Err(NotAdmitted::Full));
    door.leave(&first);
    let back = door.enter(&anonymous(Some(key("fresh-1")), 3)).expect("its own");
    assert_eq!(enter_other(&mut door), Err(NotAdmitted::Full));
    door.leave(&back);
    assert_eq!(enter_other(&mut door), Ok(()));
    assert_eq!(door.book.len(), 1);
}

/// Six hundred handshakes a minute from each of 17 addresses shut everybody else out for five minutes, although none of
/// them stayed.
#[test]
fn rides_that_nobody_is_at_any_more_fill_no_book() {
    let mut door = Door::new(RideKeyRule::Required, 100);
    for number in 0..1000 {
        let ride = ride(&format!("flood-{number}"));
        let applicant = anonymous(None, (number % 17) as u8);
        let entered = door.book.enter(&ride, &applicant, None, key(&format!("key-{number}")), door.now);
        door.book.leave(&ride, entered.expect("there is room").slot, door.now);
    }
    assert!(door.enter(&anonymous(None, 99)).is_ok());
    assert_eq!(door.book.len(), 100);
}

#[test]
fn the_others_of_a_ride_can_be_spoken_to_once_they_are_seated() {
    let mut door = Door::required();
    let id = ride("12345");
    let first = door.enter(&anonymous(None, 1)).expect("the first");
    let second = door.enter(&anonymous(Some(key("fresh-1")), 2)).expect("with the key");
    assert!(door.book.others(&id, first.slot).is_empty(), "its session has not begun");
    assert_eq!(door.book.sessions(&id), None);
    door.book.seated(&id, second.slot, "second");
    door.book.seated(&id, first.slot, "first");
    assert_eq!(door.book.others(&id, first.slot), ["second"]);
    assert_eq!(door.book.sessions(&id), Some(vec!["first", "second"]));
    door.leave(&second);
    door.leave(&second);
    assert!(door.book.others(&id, first.slot).is_empty());
    assert_eq!(door.enter(&anonymous(None, 1)).expect_err("let in"), NotAdmitted::Occupied);
}

#[test]
fn keys_can_not_be_printed() {
    let applicant = anonymous(Some(key("secret")), 1);
    assert!(!format!("{applicant:?} {:?}", guest_of(&["secret"], 1)).contains("secret"));
}

proptest! {
    /// For clients that come and go in any order, a ride with an open socket is never forgotten or given to another
    /// owner, the book never holds more than allowed, and at the end it is empty.
    #[test]
    fn any_order_of_coming_and_going_keeps_the_book(
        steps in prop::collection::vec((0u8..4, 0u8..5, 0u8..3, 0u64..400), 1..200),
    ) {
        let mut book: RideBook<()> = RideBook::new(RideKeyRule::Required, 3);
        let mut now = Instant::now();
        let mut open: Vec<(RideId, RideSlot, u8)> = Vec::new();
        for (step, (what, id, address, secs)) in steps.into_iter().enumerate() {
            now += Duration::from_secs(secs);
            if what == 0 && !open.is_empty() {
                let (id, slot, _) = open.swap_remove(step % open.len());
                book.leave(&id, slot, now);
                continue;
            }
            let id = ride(&id.to_string());
            let fresh = key(&format!("{id}-{address}"));
            // With the key that this address would have been given.
            let applicant = anonymous((what == 1).then(|| fresh.clone()), address);
            if let Ok(admitted) = book.enter(&id, &applicant, None, fresh, now) {
                if let Some((.., owner)) = open.iter().find(|(other, ..)| *other == id) {
                    prop_assert_eq!(*owner, address, "{} has two owners", id);
                }
                open.push((id, admitted.slot, address));
            }
            prop_assert!(book.len() <= 3);
        }
        for (id, slot, _) in open {
            prop_assert!(book.rides.contains_key(&id));
            book.leave(&id, slot, now);
        }
        book.leave(&ride("nobody"), RideSlot(0), now + HELD_AFTER_LAST_SOCKET);
        book.forget_the_expired(now + HELD_AFTER_LAST_SOCKET);
        prop_assert!(book.is_empty() && book.left.is_empty());
    }
}
