//! The table of cases: bytes sent, bytes echoed, and the end. Unless a case says otherwise it sends a Close of its own
//! with 1000 at the end, and is answered with the same.

use super::client::frame;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Without the last-fragment bit.
const TEXT_BEGUN: u8 = 0x01;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;

const PROTOCOL_ERROR: u16 = 1002;
const NO_BINARY: u16 = 1003;
const NOT_UTF8: u16 = 1007;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Closed(u16),
    /// A Close without a code is answered with one.
    WithoutCode,
}

pub struct Case {
    pub id: String,
    pub sent: Vec<u8>,
    /// Written in pieces of so many bytes.
    pub chop: usize,
    pub echoed: Vec<(u8, Vec<u8>)>,
    pub end: End,
}

impl Case {
    fn new(id: impl Into<String>) -> Self {
        let (sent, echoed) = (Vec::new(), Vec::new());
        Case { id: id.into(), sent, chop: usize::MAX, echoed, end: End::Closed(1000) }
    }

    fn send(mut self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        self.sent.extend(frame(first, payload.as_ref()));
        self
    }

    fn hear(mut self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        self.echoed.push((first, payload.as_ref().to_vec()));
        self
    }

    fn chopped(mut self, bytes: usize) -> Self {
        self.chop = bytes;
        self
    }

    /// A message in fragments of these texts.
    fn fragments(mut self, parts: &[&[u8]]) -> Self {
        for (number, part) in parts.iter().enumerate() {
            let begins = if number == 0 { TEXT_BEGUN } else { GOES_ON };
            let ends = if number + 1 == parts.len() { ENDS } else { 0 };
            self = self.send(begins | ends, part);
        }
        self
    }

    /// The client closes in the end.
    fn closes(self) -> Self {
        self.send(CLOSE, 1000_u16.to_be_bytes())
    }

    /// The server closes with this, whatever else is sent.
    fn fails(mut self, code: u16) -> Self {
        self.end = End::Closed(code);
        self
    }
}

pub fn all() -> Vec<Case> {
    let families =
        [framing(), pings(), reserved_bits(), opcodes(), fragments(), utf8(), closing(), limits(), cut_up()];
    families.into_iter().flatten().collect()
}

fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    let sizes = [(0, 0), (125, 0), (126, 0), (127, 0), (128, 0), (65_535, 0), (65_536, 0), (65_536, 997)];
    for (number, (size, chop)) in (1..).zip(sizes) {
        let text = "*".repeat(size);
        let chop = if chop == 0 { usize::MAX } else { chop };
        let echoed = Case::new(format!("1.1.{number}")).send(TEXT, &text).hear(TEXT, &text);
        cases.push(echoed.closes().chopped(chop));
        let refused = Case::new(format!("1.2.{number}")).send(BINARY, vec![0xfe; size]);
        cases.push(refused.fails(NO_BINARY).chopped(chop));
    }
    cases
}

fn pings() -> Vec<Case> {
    let bytes: &[u8] = &[0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff];
    let long = vec![0xfe; 125];
    let mut cases = Vec::new();
    for (number, payload) in (1..).zip([b"", b"Hello, world!".as_slice(), bytes, &long]) {
        cases.push(Case::new(format!("2.{number}")).send(PING, payload).hear(PONG, payload).closes());
    }
    let ten = |case: Case| {
        let numbers = (0..10).map(|number| format!("payload-{number}"));
        numbers.fold(case, |case, payload| case.send(PING, &payload).hear(PONG, &payload))
    };
    cases.extend([
        Case::new("2.5").send(PING, vec![0xfe; 126]).fails(PROTOCOL_ERROR),
        Case::new("2.6").send(PING, &long).hear(PONG, &long).closes().chopped(1),
        Case::new("2.7").send(PONG, "").closes(),
        Case::new("2.8").send(PONG, "unsolicited pong payload").closes(),
        Case::new("2.9").send(PONG, "unasked").send(PING, "ping").hear(PONG, "ping").closes(),
        ten(Case::new("2.10")).closes(),
        ten(Case::new("2.11")).closes().chopped(1),
    ]);
    cases
}

fn reserved_bits() -> Vec<Case> {
    let (first, second, third) = (0x40, 0x20, 0x10);
    let hello = |id: &str| Case::new(id).send(TEXT, "Hello").hear(TEXT, "Hello");
    let mut cases = vec![
        Case::new("3.1").send(TEXT | first, "Hello").fails(PROTOCOL_ERROR),
        hello("3.2").send(TEXT | second, "Hello").send(PING, "").fails(PROTOCOL_ERROR),
        hello("3.3").send(TEXT | second | first, "Hello").send(PING, "").fails(PROTOCOL_ERROR),
        hello("3.4").send(TEXT | third, "Hello").send(PING, "").fails(PROTOCOL_ERROR).chopped(1),
        Case::new("3.5").send(BINARY | third | first, [0, 255]).fails(PROTOCOL_ERROR),
        Case::new("3.6").send(PING | third | second, "Hello").fails(PROTOCOL_ERROR),
        Case::new("3.7").send(CLOSE | first | second | third, "").fails(PROTOCOL_ERROR),
    ];
    for bits in 1..8_u8 {
        cases.push(Case::new(format!("3.x.{bits}")).send(TEXT | bits << 4, "x").fails(PROTOCOL_ERROR));
    }
    cases
}

fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (group, opcodes) in [(1, 3..=7_u8), (2, 11..=15)] {
        for opcode in opcodes {
            let id = |part: u8| format!("4.{group}.{opcode}.{part}");
            let first = 0x80 | opcode;
            let hello = |id: String| Case::new(id).send(TEXT, "Hello").hear(TEXT, "Hello");
            cases.push(Case::new(id(1)).send(first, "").fails(PROTOCOL_ERROR));
            cases.push(Case::new(id(2)).send(first, "reserved").fails(PROTOCOL_ERROR));
            cases.push(hello(id(3)).send(first, "").send(PING, "").fails(PROTOCOL_ERROR));
            let chopped = hello(id(4)).send(first, "reserved").send(PING, "");
            cases.push(chopped.fails(PROTOCOL_ERROR).chopped(1));
        }
    }
    cases
}

fn fragments() -> Vec<Case> {
    let parts: [&[u8]; 2] = [b"fragment1", b"fragment2"];
    let whole = "fragment1fragment2";
    let mut cases = vec![
        Case::new("5.1").send(0x09, "fragment1").send(ENDS, "fragment2").fails(PROTOCOL_ERROR),
        Case::new("5.2").send(0x0a, "fragment1").send(ENDS, "fragment2").fails(PROTOCOL_ERROR),
    ];
    for (number, chop) in [(3, usize::MAX), (4, 10), (5, 1)] {
        let case = Case::new(format!("5.{number}")).fragments(&parts).hear(TEXT, whole);
        cases.push(case.closes().chopped(chop));
    }
    for (number, chop) in [(6, usize::MAX), (7, 10), (8, 1)] {
        let begun = Case::new(format!("5.{number}")).send(TEXT_BEGUN, "fragment1").send(PING, "ping");
        let ended = begun.send(ENDS, "fragment2").hear(PONG, "ping").hear(TEXT, whole);
        cases.push(ended.closes().chopped(chop));
    }
    for (number, first, chop) in [
        (9, ENDS, usize::MAX),
        (10, ENDS, 7),
        (11, ENDS, 1),
        (12, GOES_ON, usize::MAX),
        (13, GOES_ON, 7),
        (14, GOES_ON, 1),
    ] {
        let orphan = Case::new(format!("5.{number}")).send(first, "non-continuation payload");
        cases.push(orphan.send(TEXT, "Hello, world!").fails(PROTOCOL_ERROR).chopped(chop));
    }
    let complete = Case::new("5.15").fragments(&parts).hear(TEXT, whole);
    cases.push(complete.send(GOES_ON, "fragment3").send(TEXT, "fragment4").fails(PROTOCOL_ERROR));
    for (number, first) in [(16, GOES_ON), (17, ENDS)] {
        let case = Case::new(format!("5.{number}")).send(first, "fragment1").send(TEXT_BEGUN, "fragment2");
        cases.push(case.send(ENDS, "fragment3").fails(PROTOCOL_ERROR));
    }
    cases.push(Case::new("5.18").send(TEXT_BEGUN, "fragment1").send(TEXT, "fragment2").fails(PROTOCOL_ERROR));
    for (number, chop) in [(19, usize::MAX), (20, 1)] {
        let mut case = Case::new(format!("5.{number}")).send(TEXT_BEGUN, "fragment1");
        case = case.send(GOES_ON, "fragment2").send(PING, "pongme 1!").hear(PONG, "pongme 1!");
        case = case.send(GOES_ON, "fragment3").send(GOES_ON, "fragment4").send(PING, "pongme 2!");
        case = case.hear(PONG, "pongme 2!").send(ENDS, "fragment5");
        let whole = "fragment1fragment2fragment3fragment4fragment5";
        cases.push(case.hear(TEXT, whole).closes().chopped(chop));
    }
    cases
}

/// Sequences that are UTF-8, from the suite's lists: lengths, the edges of each, non-characters.
const GOOD: [&[u8]; 19] = [
    b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbe",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf0\x9f\xbf\xbe",
    b"\xf3\xaf\xbf\xbf",
    b"\xf4\x8f\xbf\xbe",
    b"\xf4\x8f\xbf\xbf",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
];

/// And those that are not: cut off, alone, overlong, surrogates, above the last code point.
const BAD: [&[u8]; 36] = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xf7\xbf\xbf\xbf",
    b"\xfb\xbf\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\x80",
    b"\xbf",
    b"\x80\xbf",
    b"\x80\xbf\x80",
    b"\x80\xbf\x80\xbf\x80\xbf",
    b"\xc0 \xc1 \xc2 \xdf ",
    b"\xe0 \xe1 \xef ",
    b"\xf0 \xf1 \xf7 ",
    b"\xf8 \xfb ",
    b"\xfc \xfd ",
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfe",
    b"\xff",
    b"\xfe\xfe\xff\xff",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xc1\xbf",
    b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",
    b"\xed\xaf\xbf\xed\xb0\x80",
    b"\xed\xbf\xbf",
    b"\xc0\x80",
];

fn utf8() -> Vec<Case> {
    let mut cases = vec![
        Case::new("6.1.1").send(TEXT, "").hear(TEXT, "").closes(),
        Case::new("6.1.2").fragments(&[b"", b"", b""]).hear(TEXT, "").closes(),
        Case::new("6.1.3")
            .fragments(&[b"", b"middle frame payload", b""])
            .hear(TEXT, "middle frame payload")
            .closes(),
        // The first fragment that can't become UTF-8 ends it; what follows is not waited for.
        Case::new("6.4.1")
            .send(TEXT_BEGUN, b"\xce\xba\xe1\xbd\xb9")
            .send(GOES_ON, b"\xf4\x90\x80\x80")
            .fails(NOT_UTF8),
        Case::new("6.4.2")
            .send(TEXT_BEGUN, b"\xce\xba\xe1\xbd\xb9\xf4")
            .send(GOES_ON, b"\x90")
            .fails(NOT_UTF8),
    ];
    for (number, good) in GOOD.iter().enumerate() {
        let octets: Vec<&[u8]> = good.chunks(1).collect();
        let halves: Vec<&[u8]> = good.chunks(good.len().div_ceil(2)).collect();
        for (part, fragments) in [(2, halves), (3, octets)] {
            let case = Case::new(format!("6.2.{number}.{part}")).fragments(&fragments).hear(TEXT, good);
            cases.push(case.closes());
        }
        cases.push(Case::new(format!("6.2.{number}.1")).send(TEXT, good).hear(TEXT, good).closes());
        cases
            .push(Case::new(format!("6.2.{number}.4")).send(TEXT, good).hear(TEXT, good).closes().chopped(1));
    }
    for (number, bad) in BAD.iter().enumerate() {
        let octets: Vec<&[u8]> = bad.chunks(1).collect();
        cases.push(Case::new(format!("6.3.{number}.1")).send(TEXT, bad).fails(NOT_UTF8));
        cases.push(Case::new(format!("6.3.{number}.2")).fragments(&octets).fails(NOT_UTF8));
        cases.push(Case::new(format!("6.3.{number}.3")).send(TEXT, bad).fails(NOT_UTF8).chopped(1));
    }
    cases
}

fn closing() -> Vec<Case> {
    let reason = |bytes: usize| [&1000_u16.to_be_bytes()[..], &vec![b'*'; bytes]].concat();
    let hello = |id: &str| Case::new(id).send(TEXT, "Hello World!").hear(TEXT, "Hello World!");
    let big = "BAsd7&jh23".repeat(26_000);
    let mut cases = vec![
        hello("7.1.1").closes(),
        Case::new("7.1.2").closes().closes(),
        Case::new("7.1.3").closes().send(PING, "too late"),
        Case::new("7.1.4").closes().send(TEXT, "too late"),
        Case::new("7.1.5").send(TEXT_BEGUN, "fragment1").closes().send(ENDS, "fragment2"),
        Case::new("7.1.6").send(TEXT, &big).hear(TEXT, &big).closes(),
        Case { end: End::WithoutCode, ..Case::new("7.3.1").send(CLOSE, "") },
        Case::new("7.3.2").send(CLOSE, "a").fails(PROTOCOL_ERROR),
        Case::new("7.3.3").closes(),
        Case::new("7.3.4").send(CLOSE, reason(12)),
        Case::new("7.3.5").send(CLOSE, reason(123)),
        Case::new("7.3.6").send(CLOSE, reason(124)).fails(PROTOCOL_ERROR),
        Case::new("7.5.1").send(CLOSE, b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited").fails(NOT_UTF8),
    ];
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999_u16] {
        let case = Case::new(format!("7.7.{code}")).send(CLOSE, code.to_be_bytes());
        cases.push(case.fails(code));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
        let case = Case::new(format!("7.9.{code}")).send(CLOSE, code.to_be_bytes());
        cases.push(case.fails(PROTOCOL_ERROR));
    }
    cases
}

fn limits() -> Vec<Case> {
    let mut cases = Vec::new();
    let text = |bytes: usize| "\u{e9}".repeat(bytes / 2);
    for (number, kib) in (1..).zip([64, 256, 1024]) {
        let message = text(kib << 10);
        let case = Case::new(format!("9.1.{number}")).send(TEXT, &message).hear(TEXT, &message);
        cases.push(case.closes());
        cases.push(Case::new(format!("9.2.{number}")).send(BINARY, message).fails(NO_BINARY));
    }
    // Fragments cut characters in two where their length is odd.
    let message = text(256 << 10);
    for (number, bytes) in (1..).zip([64, 255, 1024, 4095, 16 << 10, 65_535]) {
        let parts: Vec<&[u8]> = message.as_bytes().chunks(bytes).collect();
        let case = Case::new(format!("9.3.{number}")).fragments(&parts).hear(TEXT, &message);
        cases.push(case.closes());
    }
    for (number, chop) in (1..).zip([64, 997, 4096]) {
        let case = Case::new(format!("9.5.{number}")).send(TEXT, &message).hear(TEXT, &message);
        cases.push(case.closes().chopped(chop));
    }
    for (number, bytes) in (1..).zip([0, 16, 64, 256, 1024]) {
        let message = text(bytes);
        let many = |case: Case, _| case.send(TEXT, &message).hear(TEXT, &message);
        cases.push((0..1000).fold(Case::new(format!("9.7.{number}")), many).closes());
    }
    cases
}

fn cut_up() -> Vec<Case> {
    let message = "*".repeat(65_536);
    let parts: Vec<&[u8]> = message.as_bytes().chunks(1300).collect();
    vec![Case::new("10.1.1").fragments(&parts).hear(TEXT, &message).closes()]
}
