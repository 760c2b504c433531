//! Shortens a failing list of commands: leaves out runs of them, long ones first, as long as the rest still fails.

/// Replays that may be spent on it: a shorter list is nice to have, and the whole one is replayable, too.
const REPLAYS_MAX: usize = 400;

/// The shortest failing list that was found, and the reason that `fails` gives for it.
pub fn shrink<T: Clone>(
    commands: Vec<T>,
    failure: String,
    mut fails: impl FnMut(&[T]) -> Option<String>,
) -> (Vec<T>, String) {
    let (mut shortest, mut why) = (commands, failure);
    let mut replays = 0;
    let mut length = shortest.len().div_ceil(2);
    loop {
        let mut at = 0;
        let mut is_shorter = false;
        while at < shortest.len() && replays < REPLAYS_MAX {
            let mut candidate = shortest.clone();
            candidate.drain(at..(at + length).min(shortest.len()));
            replays += 1;
            match fails(&candidate) {
                Some(reason) => {
                    (shortest, why, is_shorter) = (candidate, reason, true);
                }
                None => at += length,
            }
        }
        if replays >= REPLAYS_MAX || (length == 1 && !is_shorter) {
            return (shortest, why);
        }
        length = if length > 1 { length.div_ceil(2) } else { 1 };
    }
}

#[test]
fn what_is_not_needed_for_a_failure_is_left_out() {
    let needs = |list: &[u32]| (list.contains(&7) && list.contains(&93)).then(|| "both".to_owned());
    let (shortest, why) = shrink((0..100).collect(), String::new(), needs);
    assert_eq!((shortest, why.as_str()), (vec![7, 93], "both"));
}
