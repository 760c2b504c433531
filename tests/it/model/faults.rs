//! Faults that are planted on purpose, to check that the model finds them. Each breaks something that the world does
//! for the server, or a rule of its database, as a mistake in the product would; the product's code has no switch for
//! it.

/// `MODEL_FAULT` names one for a run by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// A ride that another driver took can be taken: the check of its status is skipped.
    TakenRideIsTakenAgain,
    /// One event in so many is announced and never written.
    EventIsNotWritten,
    /// Announcements and answers go out before the commit: a crash loses what they said.
    AnnouncedBeforeTheCommit,
    /// A session marks an event when it is sent, not when the device has answered.
    ConfirmedWhenSent,
    /// Pushes are decided without the pending confirmations.
    DecidedWithoutTheMarks,
    /// Searches that were open before a crash are not gone on with.
    SearchIsForgotten,
    /// A session sends what it hears of and does not read what it missed.
    GapIsNotRead,
}

impl Fault {
    /// Each with its name, and a mark of its own reason in the model's message: another reason means another fault.
    pub const ALL: [(&'static str, Fault, &'static str); 7] = [
        ("taken_ride_is_taken_again", Fault::TakenRideIsTakenAgain, " hears "),
        ("event_is_not_written", Fault::EventIsNotWritten, "DecidePushes: pushed are "),
        ("announced_before_the_commit", Fault::AnnouncedBeforeTheCommit, " are kept, "),
        ("confirmed_when_sent", Fault::ConfirmedWhenSent, "is confirmed, and no phone of theirs has it"),
        (
            "decided_without_the_marks",
            Fault::DecidedWithoutTheMarks,
            "is confirmed: 0; the model says otherwise",
        ),
        ("search_is_forgotten", Fault::SearchIsForgotten, " does not end: "),
        ("gap_is_not_read", Fault::GapIsNotRead, "is told of a gap that there is not"),
    ];

    pub fn from_environment() -> Self {
        let Ok(name) = std::env::var("MODEL_FAULT") else { return Fault::None };
        let known = Self::ALL.iter().find(|(known, ..)| *known == name);
        known.unwrap_or_else(|| panic!("MODEL_FAULT is none of {:?}", Self::ALL.map(|(name, ..)| name))).1
    }
}
