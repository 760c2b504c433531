//! House rules that the compiler does not check: which module may use which, where the frameworks may appear, that each
//! file says what it owns, and that files and functions stay readable. The table below is the one in the design.

use std::path::{Path, PathBuf};

#[path = "tidy/circles.rs"]
mod circles;

/// Small modules that know nothing of the others; everything but the pure ones may use them.
const LEAVES: [&str; 6] = ["clock", "config", "current_request", "fuzzing", "metrics", "rate_limit"];

/// No I/O, no clock, no settings: these use only what the table says.
const PURE: [&str; 3] = ["domain", "matching", "contracts"];

/// Each other module at the top of `src`, and what it may use besides the leaves.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("domain", &[]),
    ("matching", &["domain"]),
    ("contracts", &["domain"]),
    ("store", &["domain"]),
    ("providers", &["domain"]),
    ("operations", &["store", "domain"]),
    ("presenters", &["operations", "store", "contracts", "domain"]),
    ("actors", &["presenters", "operations", "store", "matching", "contracts", "providers", "domain"]),
    ("api", &["presenters", "operations", "store", "actors", "contracts", "providers", "domain"]),
    ("simulate", &["contracts", "matching", "domain"]),
    ("conform", &["contracts", "domain"]),
    ("app", &EVERYTHING),
    ("main", &EVERYTHING),
    ("lib", &EVERYTHING),
];
const EVERYTHING: [&str; 12] = [
    "domain",
    "matching",
    "contracts",
    "store",
    "providers",
    "operations",
    "presenters",
    "actors",
    "api",
    "simulate",
    "conform",
    "app",
];

/// Frameworks, and the only places that may name them.
const ONLY_IN: [(&str, &[&str]); 2] =
    [("diesel", &["store"]), ("actix_web", &["api", "actors/session", "app"])];

/// The code that decides on matches gives the same work for the same inputs, so it names nothing that waits, tells the
/// time, throws dice or does I/O.
const PURE_WING: &str = "matching";
const IMPURE: [&str; 14] = [
    "actix",
    "diesel",
    "tokio",
    "futures_util",
    "rand::",
    "log::",
    "metrics::",
    "Utc::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "std::time",
];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

struct Source {
    /// Below `src`, with slashes and without `.rs`.
    path: String,
    text: String,
}

impl Source {
    /// The module at the top that it belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or(&self.path)
    }

    /// The lines compiled into the product: without comments, and without the tests at the end of the file.
    fn code(&self) -> Vec<&str> {
        let begins = |head| self.text.find(head).unwrap_or(self.text.len());
        let tests = begins("#[cfg(test)]\nmod ").min(begins("#[cfg(test)]\n#[path"));
        let lines = self.text[..tests].lines();
        lines.filter(|line| !line.trim_start().starts_with("//")).collect()
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).expect("the sources can be read").flatten() {
            let path = entry.path();
            // Other people's sources, brought by npm.
            if path.ends_with("node_modules") {
                continue;
            }
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

fn sources(directory: &str) -> Vec<Source> {
    let base = root().join(directory);
    let read = |file: PathBuf| {
        let relative = file.strip_prefix(&base).expect("a file is below its directory").with_extension("");
        let path = relative
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/");
        Source { path, text: std::fs::read_to_string(&file).expect("a source is UTF-8") }
    };
    rust_files(&base).into_iter().map(read).collect()
}

/// The modules of ours that code names: `crate::x`, `fleetwire::x` and the same in braces.
fn modules_used(code: &[&str]) -> Vec<String> {
    let text = code.join("\n");
    let mut used = Vec::new();
    for root in ["crate::", "fleetwire::"] {
        for (at, _) in text.match_indices(root) {
            let preceding = text[..at].chars().next_back();
            if preceding.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            used.extend(names_after(&text[at + root.len()..]));
        }
    }
    used
}

/// The first name of a path, or of each path of a list in braces.
fn names_after(rest: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(list) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&list[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&list[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// None for a module that the tables do not have.
fn may_use(module: &str, used: &str) -> Option<bool> {
    let is_leaf = |name: &str| LEAVES.contains(&name);
    if is_leaf(module) {
        return Some(used == "domain" || is_leaf(used));
    }
    let (_, allowed) = MAY_USE.iter().find(|(name, _)| *name == module)?;
    Some(allowed.contains(&used) || (is_leaf(used) && !PURE.contains(&module)))
}

#[test]
fn modules_use_only_what_the_design_lets_them() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let module = source.module();
        if may_use(module, module).is_none() {
            wrong.push(format!("src/{}: a module that the table does not have", source.path));
        }
        for used in modules_used(&source.code()) {
            let is_module = LEAVES.contains(&used.as_str()) || MAY_USE.iter().any(|(name, _)| *name == used);
            if is_module && used != module && may_use(module, &used) == Some(false) {
                wrong.push(format!("src/{}: {module} must not use {used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn frameworks_stay_in_their_places() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (framework, places) in ONLY_IN {
            let named = source.code().iter().any(|line| line.contains(&format!("{framework}::")));
            if named && !source.is_in(places) {
                wrong.push(format!("src/{}: {framework} belongs to {places:?}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first of these words that a line names.
fn names_one_of<'a>(line: &str, words: &[&'a str]) -> Option<&'a str> {
    words.iter().copied().find(|word| {
        line.match_indices(word).any(|(at, _)| {
            let preceding = line[..at].chars().next_back();
            !preceding.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

#[test]
fn what_decides_who_is_matched_is_pure() {
    let mut wrong = Vec::new();
    let wing = sources("src").into_iter().filter(|source| source.module() == PURE_WING);
    // Tests in a file of their own may throw dice.
    for source in wing.filter(|source| !source.path.ends_with("_tests")) {
        for line in source.code() {
            if let Some(named) = names_one_of(line, &IMPURE) {
                wrong.push(format!("src/{}: {named} in a pure module", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_file_says_what_it_owns() {
    for directory in ["src", "tests", "benches"] {
        let silent = sources(directory).into_iter().filter(|source| !source.text.starts_with("//!"));
        let silent: Vec<String> = silent.map(|source| format!("{directory}/{}", source.path)).collect();
        assert!(silent.is_empty(), "without a head: {silent:#?}");
    }
}

#[test]
fn files_and_functions_stay_readable() {
    let mut long = Vec::new();
    for directory in ["src", "tests", "benches"] {
        for source in sources(directory) {
            let path = format!("{directory}/{}", source.path);
            // The tests of a file do not count towards it, in it or next to it.
            let beside = if source.path.ends_with("_tests") { 0 } else { source.text.len() };
            let tests = source.text.find("#[cfg(test)]\nmod ").unwrap_or(beside);
            let lines = source.text[..tests].lines().count();
            if lines > FILE_LINES_MAX {
                long.push(format!("{path}: {lines} lines"));
            }
            for (name, lines) in functions(&source.text) {
                if lines > FUNCTION_LINES_MAX {
                    long.push(format!("{path}: {name} has {lines} lines"));
                }
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

/// Each function's first line and length. Formatted code ends a function with a brace at its own indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let words = trimmed.split_whitespace();
        let is_head = words.take_while(|word| !word.starts_with('(')).take(5).any(|word| word == "fn");
        if trimmed.starts_with("//") || !is_head || trimmed.ends_with(';') || trimmed.ends_with('}') {
            continue;
        }
        let indentation = line.len() - trimmed.len();
        let end = format!("{}}}", " ".repeat(indentation));
        if let Some(length) = lines[at..].iter().position(|later| *later == end) {
            found.push((trimmed.to_owned(), length + 1));
        }
    }
    found
}

/// Each circle that is there is allowed by name, and none is allowed that is not there.
#[test]
fn files_are_in_no_circle_but_those_that_have_a_reason() {
    let found = circles::circles(&sources("src"));
    let allowed: Vec<Vec<String>> = circles::ALLOWED
        .iter()
        .map(|(files, _)| files.iter().map(|file| (*file).to_owned()).collect())
        .collect();
    assert_eq!(found, allowed);
}

#[test]
fn a_circle_is_found_through_re_exports_and_in_braces() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let files = [
        source("a/mod", "mod one;\npub mod two;\npub use one::{One, Other};"),
        source("a/one", "use crate::{b::{self, Thing}, c};"),
        source("a/two", "use super::{\n    One,\n};"),
        source("b", "fn b() {\n    crate::a::Other::new();\n}"),
        source("c", "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use crate::a::One;\n}"),
    ];
    assert_eq!(circles::circles(&files), [["a/one", "b"]]);
}

#[test]
fn the_rules_find_what_breaks_them() {
    let code = [
        "use crate::{store::{Pool, jobs}, domain::Job};",
        "let x = crate::api::router();",
        "my_crate::config::y()",
    ];
    assert_eq!(modules_used(&code), ["store", "domain", "api"]);
    assert_eq!(may_use("store", "api"), Some(false));
    assert_eq!(may_use("domain", "clock"), Some(false));
    assert_eq!(may_use("matching", "clock"), Some(false));
    assert_eq!(may_use("matching", "store"), Some(false));
    assert_eq!(names_one_of("let now = chrono::Utc::now();", &IMPURE), Some("Utc::now"));
    assert_eq!(names_one_of("use actix::prelude::*;", &IMPURE), Some("actix"));
    assert_eq!(names_one_of("let operand::At(a) = catalog::b(strand::c);", &IMPURE), None);
    assert_eq!(may_use("actors", "clock"), Some(true));
    assert_eq!(may_use("unheard_of", "clock"), None);
    let long = format!("    pub async fn long(\n    ) {{\n{}    }}\n", "        line();\n".repeat(80));
    assert_eq!(functions(&long), [("pub async fn long(".to_owned(), 83)]);
    let session = Source { path: "actors/session/frames".to_owned(), text: String::new() };
    assert!(session.is_in(&["actors/session"]) && !session.is_in(&["actors/sess", "api"]));
}
