//! Inputs for parsers that outsiders reach: valid ones that are changed, cut, joined and filled with things that
//! parsers trip over. Seeded, so that a failure can be repeated; the tests that use it are next to the parsers.
//! `FUZZ_INPUTS` sets the number for each parser, `FUZZ_SEED` the seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// In CI: all parsers together take some seconds.
const INPUTS: u64 = 2_000;
const BENDS_MAX: usize = 6;
/// Longer than any field may be, and short enough that a parser is busy with what matters.
const BYTES_MAX: usize = 4096;

/// Pieces that have a meaning somewhere, or look as if they had.
const PIECES: [&[u8]; 56] = [
    b"",
    b" ",
    b"\t",
    b"\r\n",
    b"\n",
    b"\0",
    b"\x7f",
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b";",
    b"=",
    b"&",
    b"%",
    b"%00",
    b"%F0%9F",
    b"+",
    b"-",
    b".",
    b"..",
    b"/",
    b"#",
    b"null",
    b"true",
    b"-0",
    b"0",
    b"1e308",
    b"1e999",
    b"-1e-999",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551616",
    b"0x1F",
    b"NaN",
    b"Infinity",
    b"5.0",
    b"5.5",
    b"\\u0000",
    b"\\ud83d",
    b"\\ude00",
    b"2026-02-30T25:61:61.999999999999Z",
    b"+14:60",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    "\u{202e}\u{661}".as_bytes(),
    "\u{1f600}".as_bytes(),
];

/// Hands each input to `look`, and says which one it was where that panics.
pub fn each_bytes(name: &str, good: &[&[u8]], mut look: impl FnMut(&[u8])) {
    let number = |variable: &str, otherwise| {
        let text = std::env::var(variable).ok();
        text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
    };
    let (count, seed) = (number("FUZZ_INPUTS", INPUTS), number("FUZZ_SEED", 1));
    let mut chance = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    for number in 0..count {
        let input = bent(good, &mut chance);
        if catch_unwind(AssertUnwindSafe(|| look(&input))).is_err() {
            let text = String::from_utf8_lossy(&input);
            panic!("{name}, FUZZ_SEED={seed}, input {number}: {text:?} {input:?}");
        }
    }
    println!("fuzzed {name}: {count} inputs in {:.1} s", began.elapsed().as_secs_f64());
}

/// The same of texts: what is no UTF-8 has a mark in its place.
pub fn each_text(name: &str, good: &[&str], mut look: impl FnMut(&str)) {
    let good: Vec<&[u8]> = good.iter().map(|text| text.as_bytes()).collect();
    each_bytes(name, &good, |bytes| look(&String::from_utf8_lossy(bytes)));
}

fn bent(good: &[&[u8]], chance: &mut StdRng) -> Vec<u8> {
    let mut input = good[chance.random_range(0..good.len())].to_vec();
    for _ in 0..chance.random_range(0..=BENDS_MAX) {
        bend(&mut input, good, chance);
        input.truncate(BYTES_MAX);
    }
    input
}

fn bend(input: &mut Vec<u8>, good: &[&[u8]], chance: &mut StdRng) {
    let (from, to) = stretch(input.len(), chance);
    match chance.random_range(0..10) {
        0 if from < input.len() => input[from] ^= 1 << chance.random_range(0..8),
        1 if from < input.len() => input[from] = chance.random(),
        2 => drop(input.drain(from..to)),
        3 => input.truncate(from),
        4 => {
            let copy = input[from..to].to_vec();
            input.splice(from..from, copy);
        }
        5 => {
            let other = good[chance.random_range(0..good.len())];
            let (begin, end) = stretch(other.len(), chance);
            input.splice(from..to, other[begin..end].iter().copied());
        }
        // Deep, or long.
        6 => {
            let piece: &[u8] =
                [b"[".as_slice(), b"{\"a\":", b"a", b"9", b"\"", b" "][chance.random_range(0..6)];
            let many = piece.repeat(chance.random_range(1..400));
            input.splice(from..from, many);
        }
        7 => {
            let bytes: Vec<u8> = (0..chance.random_range(1..9)).map(|_| chance.random()).collect();
            input.splice(from..to, bytes);
        }
        _ => {
            let piece = PIECES[chance.random_range(0..PIECES.len())];
            // Between, or instead of what is there.
            let end = if chance.random() { from } else { to };
            input.splice(from..end, piece.iter().copied());
        }
    }
}

/// A short part, mostly; it may be empty.
fn stretch(length: usize, chance: &mut StdRng) -> (usize, usize) {
    let from = chance.random_range(0..=length);
    let longest = if chance.random_range(0..8) == 0 { length } else { 6 };
    (from, (from + chance.random_range(0..=longest)).min(length))
}

#[test]
fn inputs_are_the_same_each_time_and_differ_from_each_other() {
    let all = || {
        let mut chance = StdRng::seed_from_u64(7);
        (0..100).map(|_| bent(&[b"{\"a\":1}", b"b"], &mut chance)).collect::<Vec<_>>()
    };
    let mut inputs = all();
    assert_eq!(inputs, all());
    inputs.sort();
    inputs.dedup();
    assert!(inputs.len() > 50, "{}", inputs.len());
}
