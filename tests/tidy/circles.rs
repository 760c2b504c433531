//! Circles between files: a file that names another by `use` or by a path depends on it, through re-exports as well. Files in a
//! circle can only be understood, and moved, together.

use super::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The circles that are allowed, by their files, each with its reason.
pub const ALLOWED: [(&[&str], &str); 4] = [
    (&["actors/matcher/actor", "actors/matcher/handle"], "an actor's messages and those who send them"),
    (&["actors/push/lane", "actors/push/shared"], "the push actor's loops and what they share"),
    (&["actors/room/actor", "actors/room/registry"], "an actor's messages and those who send them"),
    (
        &["actors/session/client", "actors/session/client/delivering", "actors/session/client/part"],
        "one conversation, cut by what differs from contract to contract",
    ),
];

/// Module paths with slashes; the root is empty.
type Module = String;

/// The parts of a module that matter here.
struct Code {
    /// Paths after `use`, and whether they are re-exported.
    uses: Vec<(bool, Vec<String>)>,
    /// Paths in expressions.
    paths: Vec<Vec<String>>,
}

/// Every circle among these files, each with its files in order.
pub fn circles(sources: &[Source]) -> Vec<Vec<Module>> {
    let files: BTreeMap<Module, Code> = sources
        .iter()
        .filter(|source| source.path != "main" && !source.path.ends_with("_tests"))
        .map(|source| (module(&source.path), code(&source.code().join("\n"))))
        .collect();
    let graph = Graph { exported: exported(&files), files: &files };
    Components::of(&graph.arrows())
}

fn module(path: &str) -> Module {
    match path {
        "lib" => String::new(),
        _ => path.strip_suffix("/mod").unwrap_or(path).to_owned(),
    }
}

fn code(text: &str) -> Code {
    let (mut uses, mut rest) = (Vec::new(), String::new());
    let mut from = 0;
    for (at, _) in text.match_indices("use ") {
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let before = text[line..at].trim();
        let is_use = before.is_empty() || before.starts_with("pub") && !before.contains(char::is_whitespace);
        let Some(end) = text[at..].find(';').filter(|_| is_use && at >= from) else { continue };
        rest.push_str(&text[from..line]);
        let tree: String = text[at + 4..at + end].split_whitespace().collect::<Vec<_>>().join(" ");
        uses.extend(paths_of(&tree).into_iter().map(|path| (before.starts_with("pub"), path)));
        from = at + end + 1;
    }
    rest.push_str(&text[from..]);
    Code { uses, paths: paths_in(&rest) }
}

/// `a::{b, c::d}` is two paths.
fn paths_of(tree: &str) -> Vec<Vec<String>> {
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree);
        return vec![path.trim().split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()];
    };
    let head: Vec<String> =
        tree[..open].trim().split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let inner = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let of_part = |part: &&str| !part.trim().is_empty();
    parts
        .into_iter()
        .filter(of_part)
        .flat_map(|part| paths_of(part.trim()))
        .map(|tail| head.iter().cloned().chain(tail).collect())
        .collect()
}

/// `crate::a::b` and the like, wherever they are.
fn paths_in(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(root) {
            let preceding = text[..at].chars().next_back();
            if preceding.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':') {
                continue;
            }
            let is_of_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
            let path = text[at..].split(|letter| !is_of_path(letter)).next().unwrap_or_default();
            found.push(path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect());
        }
    }
    found
}

struct Graph<'a> {
    files: &'a BTreeMap<Module, Code>,
    /// The re-exports of each module: the name, and its origin.
    exported: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

fn exported(files: &BTreeMap<Module, Code>) -> BTreeMap<Module, BTreeMap<String, Vec<String>>> {
    let of_module = |(module, code): (&Module, &Code)| {
        let exported = code.uses.iter().filter(|(is_public, _)| *is_public);
        let names = exported.filter_map(|(_, path)| {
            let path = absolute(files, module, path)?;
            Some((path.last()?.clone(), path))
        });
        (module.clone(), names.collect())
    };
    files.iter().map(of_module).collect()
}

/// From the root of the crate; none for another crate's.
fn absolute(files: &BTreeMap<Module, Code>, module: &str, path: &[String]) -> Option<Vec<String>> {
    let mut base: Vec<String> =
        module.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let supers = path.iter().take_while(|name| *name == "super").count();
    let rest = match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "self" => &path[1..],
        "super" => {
            base.truncate(base.len().saturating_sub(supers));
            &path[supers..]
        }
        child => {
            let file = [&base[..], &[child.to_owned()]].concat().join("/");
            files.contains_key(&file).then_some(())?;
            path
        }
    };
    base.extend_from_slice(rest);
    Some(base)
}

impl Graph<'_> {
    /// The file in which something is, wherever it is re-exported.
    fn file_of(&self, path: &[String], steps: usize) -> Option<Module> {
        let is_file = |length: &usize| self.files.contains_key(&path[..*length].join("/"));
        let length = (0..=path.len()).rev().find(is_file)?;
        let module = path[..length].join("/");
        let origin = path.get(length).and_then(|name| self.exported.get(&module)?.get(name));
        match origin.filter(|origin| steps > 0 && origin.as_slice() != path) {
            Some(origin) => self.file_of(&[origin, &path[length + 1..]].concat(), steps - 1),
            None => Some(module),
        }
    }

    /// From each file to those that it names. A folder's own file shows what is in the folder, and does not depend on it.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let of_module = |(module, code): (&Module, &Code)| {
            let all = code.uses.iter().map(|(is_public, path)| (*is_public, path));
            let all = all.chain(code.paths.iter().map(|path| (false, path)));
            let named = all.filter_map(|(is_public, path)| {
                let path = absolute(self.files, module, path)?;
                let file = self.file_of(&path, 8)?;
                let is_inside = file.starts_with(&format!("{module}/"));
                (file != *module && !file.is_empty() && !(is_public && is_inside)).then_some(file)
            });
            (module.clone(), named.collect())
        };
        self.files.iter().map(of_module).collect()
    }
}

/// Tarjan's algorithm (SIAM J. Comput. 1, 1972): what can reach each other is one component.
struct Components<'a> {
    arrows: &'a BTreeMap<Module, BTreeSet<Module>>,
    /// When each was reached, and the earliest that is reached from it.
    reached: BTreeMap<&'a str, (usize, usize)>,
    stack: Vec<&'a str>,
    found: Vec<Vec<Module>>,
}

impl<'a> Components<'a> {
    /// Those of more than one.
    fn of(arrows: &'a BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
        let mut components = Self { arrows, reached: BTreeMap::new(), stack: Vec::new(), found: Vec::new() };
        for module in arrows.keys() {
            if !components.reached.contains_key(module.as_str()) {
                components.walk(module);
            }
        }
        components.found.sort();
        components.found
    }

    fn walk(&mut self, module: &'a str) -> usize {
        let order = self.reached.len();
        self.reached.insert(module, (order, order));
        self.stack.push(module);
        let mut earliest = order;
        for next in self.arrows.get(module).into_iter().flatten() {
            earliest = match self.reached.get(next.as_str()) {
                None => earliest.min(self.walk(next)),
                Some((order, _)) if self.stack.contains(&next.as_str()) => earliest.min(*order),
                Some(_) => earliest,
            };
        }
        self.reached.insert(module, (order, earliest));
        if earliest == order {
            let at = self.stack.iter().position(|other| *other == module).expect("it was put there");
            let mut component: Vec<Module> = self.stack.drain(at..).map(str::to_owned).collect();
            component.sort();
            if component.len() > 1 {
                self.found.push(component);
            }
        }
        earliest
    }
}
