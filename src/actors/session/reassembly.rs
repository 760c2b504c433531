//! Frames to messages: fragments are put together under two caps (bytes, frames), and text is checked to be UTF-8 as it
//! arrives. Pure.
//!
//! The frame codec below does none of this: it passes fragments on one by one, unlimited and unchecked.

use actix_http::ws::OpCode;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::contracts::close_codes::CloseCode;

/// A client's fault on the wire; each ends the session with its close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Protocol(&'static str),
    #[error("binary frame")]
    Binary,
    #[error("invalid UTF-8")]
    InvalidUtf8,
    #[error("message too big")]
    TooBig,
    #[error("too many fragments in one message")]
    TooManyFragments,
}

impl Fault {
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::ProtocolError,
            Self::Binary => CloseCode::BinaryFrame,
            Self::InvalidUtf8 => CloseCode::InvalidUtf8,
            Self::TooBig => CloseCode::MessageTooBig,
            Self::TooManyFragments => CloseCode::Policy,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct MessageLimits {
    pub bytes_max: usize,
    pub fragments_max: usize,
}

/// The message that is being put together, if one is; boxed, because for almost all sessions almost always none is.
#[derive(Default)]
pub(super) struct Reassembly {
    partial: Option<Box<Partial>>,
}

struct Partial {
    text: BytesMut,
    /// Up to here `text` is known to be UTF-8.
    checked_bytes: usize,
    fragments: usize,
}

impl Reassembly {
    /// Takes a data frame; gives a message when it is complete.
    pub fn push(
        &mut self,
        opcode: OpCode,
        last: bool,
        payload: Bytes,
        limits: MessageLimits,
    ) -> Result<Option<ByteString>, Fault> {
        match (opcode, &mut self.partial) {
            (OpCode::Binary, _) => Err(Fault::Binary),
            (OpCode::Text, Some(_)) => Err(Fault::Protocol("a new message inside a fragmented one")),
            (OpCode::Text, None) if last => whole_text(payload, limits).map(Some),
            (OpCode::Text, None) => {
                let mut partial = Partial { text: BytesMut::new(), checked_bytes: 0, fragments: 0 };
                partial.add(&payload, limits)?;
                self.partial = Some(Box::new(partial));
                Ok(None)
            }
            (OpCode::Continue, Some(partial)) => {
                partial.add(&payload, limits)?;
                match (last, self.partial.take()) {
                    (true, Some(partial)) => whole_text(partial.text.freeze(), limits).map(Some),
                    (_, partial) => {
                        self.partial = partial;
                        Ok(None)
                    }
                }
            }
            (OpCode::Continue, None) => Err(Fault::Protocol("a continuation of nothing")),
            _ => Err(Fault::Protocol("not a data frame")),
        }
    }

    /// Forgets what was begun: nothing more will be heard.
    pub fn clear(&mut self) {
        self.partial = None;
    }
}

impl Partial {
    fn add(&mut self, payload: &[u8], limits: MessageLimits) -> Result<(), Fault> {
        self.fragments += 1;
        if self.fragments > limits.fragments_max {
            return Err(Fault::TooManyFragments);
        }
        if self.text.len() + payload.len() > limits.bytes_max {
            return Err(Fault::TooBig);
        }
        self.text.extend_from_slice(payload);
        self.check()
    }

    /// Checks what is new. A character that is cut off at the end may still be completed by the next fragment.
    fn check(&mut self) -> Result<(), Fault> {
        match std::str::from_utf8(&self.text[self.checked_bytes..]) {
            Ok(_) => self.checked_bytes = self.text.len(),
            Err(error) if error.error_len().is_none() => self.checked_bytes += error.valid_up_to(),
            Err(_) => return Err(Fault::InvalidUtf8),
        }
        Ok(())
    }
}

fn whole_text(payload: Bytes, limits: MessageLimits) -> Result<ByteString, Fault> {
    if payload.len() > limits.bytes_max {
        return Err(Fault::TooBig);
    }
    ByteString::try_from(payload).map_err(|_| Fault::InvalidUtf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: MessageLimits = MessageLimits { bytes_max: 16, fragments_max: 4 };

    fn push(to: &mut Reassembly, opcode: OpCode, last: bool, text: &[u8]) -> Result<Option<String>, Fault> {
        let pushed = to.push(opcode, last, Bytes::copy_from_slice(text), LIMITS);
        pushed.map(|message| message.map(|text| text.to_string()))
    }

    #[test]
    fn a_whole_message_passes() {
        assert_eq!(push(&mut Reassembly::default(), OpCode::Text, true, b"hello"), Ok(Some("hello".into())));
    }

    #[test]
    fn fragments_are_put_together() {
        let mut messages = Reassembly::default();
        assert_eq!(push(&mut messages, OpCode::Text, false, b"hel"), Ok(None));
        assert_eq!(push(&mut messages, OpCode::Continue, false, b""), Ok(None));
        assert_eq!(push(&mut messages, OpCode::Continue, true, b"lo"), Ok(Some("hello".into())));
        assert_eq!(push(&mut messages, OpCode::Text, true, b"next"), Ok(Some("next".into())));
    }

    #[test]
    fn a_character_may_be_split_over_fragments() {
        let mut messages = Reassembly::default();
        assert_eq!(push(&mut messages, OpCode::Text, false, b"\xe2\x82"), Ok(None));
        assert_eq!(push(&mut messages, OpCode::Continue, true, b"\xac"), Ok(Some("€".into())));
    }

    #[test]
    fn invalid_utf8_is_found_at_once_and_at_the_end() {
        let mut messages = Reassembly::default();
        assert_eq!(push(&mut messages, OpCode::Text, true, b"\xff"), Err(Fault::InvalidUtf8));
        assert_eq!(push(&mut messages, OpCode::Text, false, b"\xe2\x82"), Ok(None));
        assert_eq!(push(&mut messages, OpCode::Continue, false, b"x"), Err(Fault::InvalidUtf8));

        let mut cut_off = Reassembly::default();
        assert_eq!(push(&mut cut_off, OpCode::Text, false, b"\xe2"), Ok(None));
        assert_eq!(push(&mut cut_off, OpCode::Continue, true, b"\x82"), Err(Fault::InvalidUtf8));
    }

    #[test]
    fn the_sum_of_fragments_is_bounded() {
        let mut messages = Reassembly::default();
        assert_eq!(push(&mut messages, OpCode::Text, false, b"0123456789"), Ok(None));
        assert_eq!(push(&mut messages, OpCode::Continue, true, b"0123456"), Err(Fault::TooBig));
        assert_eq!(
            push(&mut Reassembly::default(), OpCode::Text, true, b"01234567890123456"),
            Err(Fault::TooBig)
        );
    }

    #[test]
    fn empty_fragments_without_end_are_bounded() {
        let mut messages = Reassembly::default();
        assert_eq!(push(&mut messages, OpCode::Text, false, b""), Ok(None));
        for _ in 0..3 {
            assert_eq!(push(&mut messages, OpCode::Continue, false, b""), Ok(None));
        }
        assert_eq!(push(&mut messages, OpCode::Continue, false, b""), Err(Fault::TooManyFragments));
    }

    #[test]
    fn messages_do_not_interleave() {
        let mut messages = Reassembly::default();
        assert!(matches!(push(&mut messages, OpCode::Continue, true, b""), Err(Fault::Protocol(_))));
        assert_eq!(push(&mut messages, OpCode::Text, false, b"a"), Ok(None));
        assert!(matches!(push(&mut messages, OpCode::Text, true, b"b"), Err(Fault::Protocol(_))));
    }

    #[test]
    fn binary_is_refused_whole_or_fragmented() {
        assert_eq!(push(&mut Reassembly::default(), OpCode::Binary, true, b"a"), Err(Fault::Binary));
        assert_eq!(push(&mut Reassembly::default(), OpCode::Binary, false, b"a"), Err(Fault::Binary));
    }

    proptest! {
        /// However bytes are cut into fragments, the verdict is that of the whole.
        #[test]
        fn any_cut_gives_what_the_whole_gives(
            bytes in prop_oneof![any::<String>().prop_map(String::into_bytes), any::<Vec<u8>>()],
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let limits = MessageLimits { bytes_max: 1024, fragments_max: 16 };
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut messages = Reassembly::default();
            let mut result = Ok(None);
            for (n, part) in cuts.windows(2).enumerate() {
                let opcode = if n == 0 { OpCode::Text } else { OpCode::Continue };
                let last = n + 2 == cuts.len();
                result = messages.push(opcode, last, Bytes::copy_from_slice(&bytes[part[0]..part[1]]), limits);
                if result.is_err() { break; }
            }
            prop_assert_eq!(
                result.map(|text| text.map(|text| text.to_string())).ok(),
                String::from_utf8(bytes).ok().map(Some)
            );
        }
    }
}
