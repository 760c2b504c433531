//! The close codes: one table of every code that a Fleetwire socket is closed with, its reason text, and what a
//! client should do next. All contracts share it; `actors::session` puts it on the wire, documents print it.

/// A client's next step after it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Connecting again would end the same way, or is not wanted.
    No,
    /// At once, with the client's usual back-off and jitter.
    Yes,
    /// After some seconds: it was closed for sending too much.
    AfterPause,
    /// After it has refreshed its access token, or logged in again.
    WithFreshToken,
}

/// Why this server closes a socket. The number is that in the Close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// Both sides are done.
    Normal = 1000,
    /// The server is going down; another one, or the same, will be there soon.
    GoingAway = 1001,
    /// The client broke RFC 6455.
    ProtocolError = 1002,
    /// A binary frame; every contract is text.
    BinaryFrame = 1003,
    /// A text message that is not UTF-8.
    InvalidUtf8 = 1007,
    /// A flood of messages, or too many bad ones.
    Policy = 1008,
    /// A message larger than the limit.
    MessageTooBig = 1009,
    /// No token, a bad one, or one that has expired.
    AuthenticationFailed = 4001,
    /// The same account connected again: this is the older session.
    LoggedInElsewhere = 4003,
    /// No activity for the idle time.
    IdleTimeout = 4008,
    /// A slow consumer: the client does not read what it is sent.
    TooSlow = 4013,
}

impl Reconnect {
    /// The advice in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Yes => "yes",
            Self::AfterPause => "after some seconds",
            Self::WithFreshToken => "with a fresh token",
        }
    }
}

impl CloseCode {
    /// Every code, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Normal,
        Self::GoingAway,
        Self::ProtocolError,
        Self::BinaryFrame,
        Self::InvalidUtf8,
        Self::Policy,
        Self::MessageTooBig,
        Self::AuthenticationFailed,
        Self::LoggedInElsewhere,
        Self::IdleTimeout,
        Self::TooSlow,
    ];

    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The text that is sent when the caller has nothing more exact to say; at most 123 bytes, as RFC 6455 wants.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "done",
            Self::GoingAway => "server going down",
            Self::ProtocolError => "protocol error",
            Self::BinaryFrame => "binary frames are not supported",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::Policy => "too many messages",
            Self::MessageTooBig => "message too big",
            Self::AuthenticationFailed => "authentication failed",
            Self::LoggedInElsewhere => "logged in elsewhere",
            Self::IdleTimeout => "idle timeout",
            Self::TooSlow => "too slow",
        }
    }

    /// What has happened, for the reader of a document.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Normal => "Both sides are done; the driver went offline.",
            Self::GoingAway => "The server is going down, or can't read what the app has missed.",
            Self::ProtocolError => "The client broke RFC 6455.",
            Self::BinaryFrame => "A binary frame; every contract is text.",
            Self::InvalidUtf8 => "A text message that is not UTF-8.",
            Self::Policy => "A flood of messages or of handshakes, or too many bad messages.",
            Self::MessageTooBig => "A message larger than the limit.",
            Self::AuthenticationFailed => {
                "No token, a bad or an expired one, access was revoked, or the ride is somebody else's."
            }
            Self::LoggedInElsewhere => "The same driver connected again; this is the older connection.",
            Self::IdleTimeout => "No activity for the idle time.",
            Self::TooSlow => "The client does not read what it is sent; it can resume.",
        }
    }

    /// Whether, and how, the client should come back.
    pub const fn reconnect(self) -> Reconnect {
        match self {
            Self::GoingAway | Self::IdleTimeout | Self::TooSlow => Reconnect::Yes,
            Self::Policy => Reconnect::AfterPause,
            Self::AuthenticationFailed => Reconnect::WithFreshToken,
            Self::Normal
            | Self::ProtocolError
            | Self::BinaryFrame
            | Self::InvalidUtf8
            | Self::MessageTooBig
            | Self::LoggedInElsewhere => Reconnect::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_ones_that_the_contracts_name() {
        let numbers = CloseCode::ALL.map(CloseCode::number);
        assert_eq!(numbers, [1000, 1001, 1002, 1003, 1007, 1008, 1009, 4001, 4003, 4008, 4013]);
    }

    #[test]
    fn reasons_fit_into_a_close_frame() {
        for code in CloseCode::ALL {
            assert!(!code.reason().is_empty() && code.reason().len() <= 123, "{code:?}");
        }
    }
}
